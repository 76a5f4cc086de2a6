//! What there is to look at: a first project, the catalog, explanations, the graph, the state.

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{Project, stable};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_new_project_works_at_once() {
    let _stable = stable();
    let project = Project::empty();
    let run = project.run(&["init"]).exits(0);
    assert_snapshot!("init", run.out);
    project.run(&["check"]).exits(0).says(&["ok: 1 record in 1 file"]);
    project.run(&["plan"]).exits(0).says(&["Plan: 1 to create."]);
    project.run(&["apply", "--yes"]).exits(0).says(&["Applied 1 of 1", "0 differences left"]);
    project.is_settled();
    project.run(&["drift"]).exits(0);
    assert!(project.read(".gitignore").contains("/state/"), "the state is not for the repository");
}

#[test]
fn init_overwrites_nothing() {
    let project = Project::storefront();
    let before = project.read("bellwether.toml");
    project.run(&["init"]).exits(1).complains(&["there already"]);
    assert_eq!(project.read("bellwether.toml"), before);
    let project = Project::empty();
    project.write(".gitignore", "mine\n");
    project.run(&["init", "sub"]).exits(0);
    project.run(&["init"]).exits(0).complains(&[".gitignore is there already"]);
    assert_eq!(project.read(".gitignore"), "mine\n");
}

#[test]
fn check_says_what_there_is() {
    let _stable = stable();
    let project = Project::storefront();
    let run = project.run(&["check"]).exits(0);
    assert_eq!(run.err, "");
    assert_snapshot!("check", run.out);
    assert_snapshot!("check_json", project.run(&["check", "--format", "json"]).exits(0).out);
}

#[test]
fn the_catalog_lists_all_kinds() {
    let _stable = stable();
    let project = Project::storefront();
    let run = project.run(&["catalog"]).exits(0).says(&["@latency_monitor", "(this repository's)"]);
    assert_snapshot!("catalog", run.out);
    let kinds = json(&project.run(&["catalog", "--format", "json"]).exits(0).out);
    assert_eq!(kinds["kinds"].as_array().unwrap().len(), 12);
    Project::empty().run(&["catalog"]).exits(0).says(&["@traffic_anomaly_monitor"]);
}

#[test]
fn the_catalog_shows_a_kind_with_its_parameters() {
    let _stable = stable();
    let project = Project::storefront();
    assert_snapshot!("catalog_kind", project.run(&["catalog", "traffic_anomaly_monitor"]).exits(0).out);
    project.run(&["catalog", "@latency_monitor"]).exits(0).says(&["above_ms", "required"]);
    project.run(&["catalog", "@alert_channel"]).exits(0).says(&["@alert_channel"]);
    project
        .run(&["catalog", "trafic_anomaly_monitor"])
        .exits(1)
        .complains(&["did you mean `traffic_anomaly_monitor`?"]);
}

#[test]
fn every_example_of_the_catalog_works() {
    let project = Project::storefront();
    let kinds = json(&project.run(&["catalog", "--format", "json"]).exits(0).out);
    for kind in kinds["kinds"].as_array().unwrap() {
        let (name, example) = (kind["name"].as_str().unwrap(), kind["example"].as_str().unwrap());
        if name == "composite_monitor" {
            continue;
        }
        let needs = if name == "top_rate_monitor" { "@aggregate_metric({}) " } else { "" };
        let (on_record, on_field) = match kind["on"].as_str() {
            Some("record") => (example, ""),
            _ => ("", example),
        };
        let schema = format!(
            "@namespace(\"n\") @alert_channel(\"a\") protocol P {{\n{on_record}\nrecord ExampleEvent {{ string {needs}{on_field} id; }} }}"
        );
        project.write("schemas/example.avdl", &schema);
        let run = project.run(&["plan", "--only", "n.*/*"]);
        assert_eq!(run.code, 0, "{example}: {run:?}");
    }
}

#[test]
fn an_address_is_explained() {
    let _stable = stable();
    let project = Project::storefront();
    let address = "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor";
    project.run(&["explain", address]).exits(0).says(&["there is no snapshot yet", "schemas/cart.avdl:22"]);
    project.apply();
    let run = project.run(&["explain", address]).exits(0);
    project.run(&["explain", "CartAbandonedEvent/traffic_anomaly_monitor"]).exits(0).says(&[address]);
    let explained = json(&project.run(&["explain", address, "--format", "json"]).exits(0).out);
    let id = explained["id"].to_string();
    for by_id in [id.clone(), format!("#{id}")] {
        assert_eq!(project.run(&["explain", &by_id]).exits(0).out, run.out);
    }
    assert_snapshot!("explain", run.out);
    project
        .run(&["explain", "com.example.shop.CartAbandonedEvent/trafic_anomaly_monitor"])
        .exits(1)
        .complains(&["did you mean"]);
    project.run(&["explain", "7"]).exits(1).complains(&["#7", "not managed here"]);
}

#[test]
fn each_layer_that_sets_a_parameter_is_named() {
    let project = Project::storefront();
    let address = "com.example.shop.AddToCartEvent/traffic_anomaly_monitor";
    project.run(&["explain", address]).exits(0).says(&[
        "deviations",
        "bellwether.toml:15",
        "the catalog's default",
    ]);
    let prod = json(&project.run(&["explain", address, "--env", "prod", "--format", "json"]).exits(0).out);
    assert!(
        prod["document"]["query"].as_str().unwrap().contains("'agile', 5"),
        "an environment's default is stronger"
    );
    project.edit(
        "schemas/cart.avdl",
        "@traffic_anomaly_monitor({})",
        "@traffic_anomaly_monitor({\"deviations\": 6})",
    );
    let prod = json(&project.run(&["explain", address, "--env", "prod", "--format", "json"]).exits(0).out);
    assert!(
        prod["document"]["query"].as_str().unwrap().contains("'agile', 6"),
        "the annotation is the strongest"
    );
}

#[test]
fn a_code_is_explained() {
    let _stable = stable();
    let project = Project::empty();
    let run = project.run(&["explain", "BW0204"]).exits(0);
    assert_eq!(project.run(&["explain", "bw0204"]).exits(0).out, run.out);
    assert_snapshot!("explain_code", run.out);
}

#[test]
fn the_graph_in_all_formats() {
    let _stable = stable();
    let project = Project::storefront();
    assert_snapshot!("graph", project.run(&["graph"]).exits(0).out);
    assert_snapshot!("graph_dot", project.run(&["graph", "--format", "dot"]).exits(0).out);
    assert_snapshot!("graph_mermaid", project.run(&["graph", "--format", "mermaid"]).exits(0).out);
    let text = project.run(&["graph", "--format", "json"]).exits(0).out;
    assert_eq!(text, project.run(&["graph", "--format", "json"]).exits(0).out);
    assert_eq!(json(&text)["nodes"].as_array().unwrap().len(), 19);
}

#[test]
fn a_schema_file_as_avro_json() {
    let _stable = stable();
    let project = Project::storefront();
    let cart = project.run(&["schema", "schemas/cart.avdl"]).exits(0).out;
    assert_eq!(json(&cart)["protocol"], "Cart");
    assert_snapshot!("schema_cart", cart);
    let experiment = json(&project.run(&["schema", "schemas/experiment.avdl", "-I", "schemas"]).exits(0).out);
    let types = experiment.as_array().unwrap();
    assert_eq!(types.last().unwrap()["name"], "ExperimentExposureEvent", "its imports stand before it");
    project.run(&["schema", "schemas/none.avdl"]).exits(1).complains(&["schemas/none.avdl"]);
    project.edit("schemas/cart.avdl", "int items;", "int items");
    let run = project
        .run(&["schema", "schemas/cart.avdl"])
        .exits(1)
        .complains(&["error[BW0001]", "schemas/cart.avdl:27"]);
    assert_eq!(run.out, "");
}

#[test]
fn the_state_is_shown_and_exported() {
    let _stable = stable();
    let project = Project::storefront();
    project.run(&["state", "show"]).exits(1).complains(&["no snapshot", "bellwether plan"]);
    project.apply();
    let shown = project.run(&["state", "show"]).exits(0).out;
    let data = json(&project.run(&["state", "show", "--format", "json"]).exits(0).out);
    assert_eq!((data["monitors"].as_u64(), data["applied"].as_array().unwrap().len()), (Some(18), 18));
    let export = json(&project.run(&["state", "export"]).exits(0).out);
    let applied = &export["environments"]["sandbox"]["applied"];
    assert!(
        applied.to_string().contains("com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor"),
        "{applied}"
    );
    assert_snapshot!("state_show", shown);
}
