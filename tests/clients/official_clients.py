"""Drives a sandbox with Datadog's own Python clients, unchanged, and asserts what they see.

Usage: official_clients.py URL
"""

import sys
import time

import datadog
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException, NotFoundException
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.events_api import EventsApi
from datadog_api_client.v1.api.metrics_api import MetricsApi as MetricsApiV1
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from datadog_api_client.v1.model.metric_metadata import MetricMetadata
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.monitor_options import MonitorOptions
from datadog_api_client.v1.model.monitor_thresholds import MonitorThresholds
from datadog_api_client.v1.model.monitor_type import MonitorType
from datadog_api_client.v1.model.monitor_update_request import MonitorUpdateRequest
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding
from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_point import MetricPoint
from datadog_api_client.v2.model.metric_series import MetricSeries
from datadog_api_client.v2.model.metric_tag_configuration_create_attributes import (
    MetricTagConfigurationCreateAttributes,
)
from datadog_api_client.v2.model.metric_tag_configuration_create_data import MetricTagConfigurationCreateData
from datadog_api_client.v2.model.metric_tag_configuration_create_request import (
    MetricTagConfigurationCreateRequest,
)
from datadog_api_client.v2.model.metric_tag_configuration_metric_types import (
    MetricTagConfigurationMetricTypes,
)
from datadog_api_client.v2.model.metric_tag_configuration_type import MetricTagConfigurationType
from datadog_api_client.v2.model.metric_tag_configuration_update_attributes import (
    MetricTagConfigurationUpdateAttributes,
)
from datadog_api_client.v2.model.metric_tag_configuration_update_data import MetricTagConfigurationUpdateData
from datadog_api_client.v2.model.metric_tag_configuration_update_request import (
    MetricTagConfigurationUpdateRequest,
)

QUERY = "avg(last_5m):sum:events.received{event:cart} by {host} > {limit}"


def query(limit):
    return QUERY.replace("{limit}", str(limit))


def legacy(url):
    """The `datadog` package."""
    datadog.initialize(api_key="k", app_key="k", api_host=url, hostname_from_config=False)
    api = datadog.api
    monitor = api.Monitor.create(
        type="query alert",
        name=" legacy ",
        query=query(3),
        message="hello @slack-x",
        tags=["team:a", "team:a"],
        options={"thresholds": {"critical": 3}},
    )
    number = monitor["id"]
    assert monitor["name"] == "legacy" and monitor["tags"] == ["team:a"], monitor
    assert monitor["options"]["thresholds"] == {"critical": 3.0}, monitor
    assert api.Monitor.get(number)["query"] == query(3)
    listed = api.Monitor.get_all(monitor_tags="team:a", page=0, page_size=10)
    assert [item["id"] for item in listed] == [number], listed
    changed = api.Monitor.update(number, query=query(4), options={"thresholds": {"critical": 4}})
    assert changed["options"]["thresholds"]["critical"] == 4.0, changed
    muted = api.Monitor.mute(number, scope="host:a", end=int(time.time()) + 3600)
    assert "host:a" in muted["options"]["silenced"], muted
    assert api.Monitor.unmute(number, all_scopes=True)["options"]["silenced"] == {}
    assert api.Monitor.validate(type="query alert", query=query(9), name="x", message="y") == {}
    assert api.Monitor.can_delete(monitor_ids=[number])["data"]["ok"] == [number]
    assert api.Monitor.search()["metadata"]["total_count"] >= 1
    assert api.Monitor.search_groups()["metadata"]["total_count"] >= 1
    # By default the package gives errors back instead of raising them.
    refused = api.Monitor.create(
        type="query alert", name="bad", query=query(3), message="m", options={"thresholds": {"critical": 4}}
    )
    assert "does not match that used in the query" in refused["errors"][0], refused
    assert api.Monitor.delete(number) == {"deleted_monitor_id": number}
    # The package compresses distributions and, when asked, series (zlib under the name of deflate).
    assert api.Metric.send(metric="legacy.metric", points=[(time.time(), 1)], tags=["a:b"])["status"] == "ok"
    sent = api.Metric.send(metric="legacy.zipped", points=[(time.time(), 1)], compress_payload=True)
    assert sent["status"] == "ok", sent
    sent = api.Distribution.send(distributions=[{"metric": "legacy.dist", "points": [(time.time(), [1.0])]}])
    assert sent["status"] == "ok", sent
    assert api.Metadata.get(metric_name="legacy.zipped")["type"] == "gauge"
    updated = api.Metadata.update(metric_name="legacy.zipped", description="d", unit="byte")
    assert (updated["description"], updated["unit"]) == ("d", "byte"), updated
    assert api.Event.create(title="t", text="x")["status"] == "ok"


def generated(url):
    """The `datadog-api-client` package."""
    # Strict: a reply the models do not know is an error, not an unparsed object.
    configuration = Configuration(host=url)
    configuration.api_key["apiKeyAuth"] = "k"
    configuration.api_key["appKeyAuth"] = "k"
    with ApiClient(configuration) as client:
        assert AuthenticationApi(client).validate().valid
        monitors(MonitorsApi(client))
        metrics(client)


def monitors(api):
    def new(number):
        return Monitor(
            name=f"generated {number}",
            type=MonitorType("query alert"),
            query=query(number),
            message="m",
            tags=["generated:yes"],
            priority=2,
            options=MonitorOptions(thresholds=MonitorThresholds(critical=float(number), warning=0.5)),
        )

    ids = [api.create_monitor(new(number)).id for number in range(1, 6)]
    assert ids == sorted(set(ids)), ids
    assert api.get_monitor(ids[0]).options.new_host_delay == 300
    assert api.get_monitor(ids[0], with_downtimes=True).matching_downtimes == []
    paged = api.list_monitors_with_pagination(page_size=2, monitor_tags="generated:yes")
    assert [monitor.id for monitor in paged] == ids
    assert len(api.list_monitors(name="GENERATED 3")) == 1
    update = MonitorUpdateRequest(options=MonitorOptions(thresholds=MonitorThresholds(critical=1.0)))
    changed = api.update_monitor(ids[0], update)
    assert changed.options.thresholds.critical == 1.0 and "warning" not in changed.options.thresholds
    assert changed.priority == 2
    api.validate_monitor(new(99))
    api.validate_existing_monitor(ids[1], new(2))
    assert api.check_can_delete_monitor(ids).data.ok == ids
    assert api.search_monitors(query="generated").metadata.total_count == 5
    assert api.search_monitor_groups().metadata.total_count >= 5
    try:
        api.create_monitor(new(2))
        raise AssertionError("a duplicate must be refused")
    except ApiException as error:
        assert error.status == 400 and f"monitor_id:{ids[1]} " in str(error.body), error
    for number in ids:
        assert api.delete_monitor(number).deleted_monitor_id == number
    try:
        api.get_monitor(ids[0])
        raise AssertionError("a deleted monitor must be gone")
    except NotFoundException:
        pass


def metrics(client):
    api = MetricsApi(client)
    for encoding in [None, "gzip", "deflate", "zstd1"]:
        series = MetricSeries(
            metric=f"generated.metric_{encoding}",
            type=MetricIntakeType(1),
            points=[MetricPoint(timestamp=int(time.time()), value=1.0)],
            tags=["app:a", "Host:B"],
        )
        options = {"content_encoding": MetricContentEncoding(encoding)} if encoding else {}
        assert api.submit_metrics(MetricPayload(series=[series]), **options).errors == []
    name = "generated.metric_zstd1"
    body = MetricTagConfigurationCreateRequest(
        data=MetricTagConfigurationCreateData(
            type=MetricTagConfigurationType("manage_tags"),
            id=name,
            attributes=MetricTagConfigurationCreateAttributes(
                tags=["app", "host"], metric_type=MetricTagConfigurationMetricTypes("count")
            ),
        )
    )
    created = api.create_tag_configuration(name, body)
    assert set(created.data.attributes.tags) == {"app", "host"}
    try:
        api.create_tag_configuration(name, body)
        raise AssertionError("a second configuration must be refused")
    except ApiException as error:
        assert error.status == 409, error
    update = MetricTagConfigurationUpdateRequest(
        data=MetricTagConfigurationUpdateData(
            type=MetricTagConfigurationType("manage_tags"),
            id=name,
            attributes=MetricTagConfigurationUpdateAttributes(tags=["app"]),
        )
    )
    assert api.update_tag_configuration(name, update).data.attributes.tags == ["app"]
    assert api.list_tag_configuration_by_name(name).data.attributes.tags == ["app"]
    listed = list(api.list_tag_configurations_with_pagination(page_size=3))
    assert len({item.id for item in listed}) == len(listed) >= 4, listed
    assert api.estimate_metrics_output_series(name, filter_groups="app").data.attributes is not None
    assert set(api.list_tags_by_metric_name(name).data.attributes.tags) == {"app:a", "host:b"}
    assert api.list_volumes_by_metric_name(name).data.attributes.ingested_volume == 1
    api.list_active_metric_configurations(name)
    api.delete_tag_configuration(name)
    old = MetricsApiV1(client)
    shown = old.update_metric_metadata(name, MetricMetadata(description="d", type="count", unit="byte"))
    assert shown.description == "d" and old.get_metric_metadata(name).unit == "byte"
    event = EventsApi(client).create_event(EventCreateRequest(title="t", text="x"))
    assert event.status == "ok", event


if __name__ == "__main__":
    legacy(sys.argv[1])
    generated(sys.argv[1])
    print("both clients agree")
