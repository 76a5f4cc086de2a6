"""Datadog's DogStatsD client at work: events with ids, and everything else that it can send.

Arguments: host:port, unixgram://PATH or unixstream://PATH, and then ID=EVENTS.
"""

import sys

from datadog.dogstatsd import DogStatsd

address, *events = sys.argv[1:]
if "://" in address:
    client = DogStatsd(socket_path=address, disable_buffering=False, telemetry_min_flush_interval=0)
else:
    host, port = address.rsplit(":", 1)
    client = DogStatsd(host=host, port=int(port), disable_buffering=False, telemetry_min_flush_interval=0)

client.gauge("carts.open", 17, tags=["shop:ü", "flag"])
client.gauge_with_timestamp("carts.value", 17.25, 1700000000, tags=["shop:a"])
client.increment("checkouts", tags=["cartId:11092"])
client.decrement("checkouts", 3)
client.count_with_timestamp("checkouts", 5, 1700000000)
client.histogram("sizes", 1.5, cardinality="none")
client.distribution("sizes.all", 2.5, tags=["shop:a"])
client.timing("latency", 320, sample_rate=1)
client.set("visitors", "a:b")
client.event(
    "Sale: spring",
    "It has begun.\nUntil Sunday.",
    alert_type="info",
    aggregation_key="sale",
    priority="low",
    tags=["shop:ü"],
    date_happened=1700000000,
)
client.service_check("shop.up", client.OK, tags=["shop:a"], message="all\nis well")
client.flush()
for event in events:
    cart, count = event.rsplit("=", 1)
    for _ in range(int(count)):
        client.increment("events.received", tags=["event:addtocartevent", "cartId:" + cart, "env:test"])
client.flush()
client.stop()
