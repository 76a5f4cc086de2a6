"""Edits a managed monitor and makes one by hand, with Datadog's own Python clients.

Usage: edit_monitor.py URL
"""

import sys

import datadog
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.model.monitor_update_request import MonitorUpdateRequest

url = sys.argv[1]
datadog.initialize(api_key="k", app_key="k", api_host=url, hostname_from_config=False)
monitors = datadog.api.Monitor.get_all()
managed = next(m for m in monitors if m["name"] == "Traffic Threshold of AddToCartEvent")

options = managed["options"]
options["thresholds"]["critical"] = 300.0
query = managed["query"].replace("< 200", "< 300")
answer = datadog.api.Monitor.update(managed["id"], query=query, options=options)
assert "errors" not in answer, answer

by_hand = datadog.api.Monitor.create(
    type="query alert", query="avg(last_5m):avg:system.load.1{*} > 4", name="By hand", message="ours alone"
)
assert "errors" not in by_hand, by_hand

configuration = Configuration(host=url)
configuration.api_key = {"apiKeyAuth": "k", "appKeyAuth": "k"}
with ApiClient(configuration) as client:
    other = next(m for m in monitors if m["name"].startswith("Latency"))
    MonitorsApi(client).update_monitor(other["id"], MonitorUpdateRequest(priority=1))
