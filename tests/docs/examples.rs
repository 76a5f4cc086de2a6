//! Examples that users copy: each compiles as it stands.

use bellwether::catalog::{Catalog, MODIFIERS, On};
use bellwether::model::Address;

use super::project::{compiled, open};
use super::{blocks, page};

/// A project of one record, with annotations before it and on its field.
fn schema(on_record: &str, on_field: &str) -> String {
    format!(
        "@namespace(\"com.example\")\nprotocol Shop {{\n  {on_record}\n  record CartEvent {{\n    string {on_field} cartId;\n  }}\n}}\n"
    )
}

#[test]
fn the_example_of_every_kind_compiles() {
    let catalog = Catalog::builtin();
    for kind in catalog.kinds.values() {
        let mut record = "@alert_channel(\"cart-alerts\")".to_owned();
        let mut field = String::new();
        // What an example refers to stands beside it.
        if kind.name == "composite_monitor" {
            record.push_str(" @traffic_anomaly_monitor({}) @error_rate_monitor({})");
        }
        if let Some(needed) = &kind.needs {
            field.push_str(&format!("{} ", catalog.kind(needed).unwrap().example));
        }
        let subject = match kind.on {
            On::Record => {
                record.push_str(&format!(" {}", kind.example));
                "com.example.CartEvent"
            }
            On::Field => {
                field.push_str(&kind.example);
                "com.example.CartEvent.cartId"
            }
        };
        let directory = tempfile::tempdir().unwrap();
        let project = open(
            directory.path(),
            &[("bellwether.toml", ""), ("schemas/shop.avdl", &schema(&record, &field))],
        );
        let compiled = compiled(&project, None).unwrap_or_else(|e| panic!("{}: {e}", kind.name));
        let address = Address::new(subject, &kind.name, None);
        assert!(compiled.graph.get(&address).is_some(), "{address}");
        assert!(compiled.warnings.is_empty(), "{}: {:?}", kind.name, compiled.warnings);
    }
}

#[test]
fn the_example_of_every_modifier_compiles() {
    for modifier in MODIFIERS {
        let record = format!("{} @traffic_anomaly_monitor({{}})", modifier.example);
        let directory = tempfile::tempdir().unwrap();
        let project =
            open(directory.path(), &[("bellwether.toml", ""), ("schemas/shop.avdl", &schema(&record, ""))]);
        compiled(&project, None).unwrap_or_else(|e| panic!("{}: {e}", modifier.name));
    }
}

#[test]
fn the_worked_example_of_the_catalog_format_builds_what_the_page_says() {
    let text = page("catalog.md");
    let only = |language: &str| {
        let mut found = blocks(&text, language);
        assert_eq!(found.len(), 1, "one {language} block on docs/catalog.md");
        found.remove(0)
    };
    let directory = tempfile::tempdir().unwrap();
    let files = [
        ("bellwether.toml", "[environments.prod]\ntag = \"esm-prod\"\nscope = \"env:prod\"\n"),
        ("monitors/queue.toml", &only("toml")),
        ("schemas/orders.avdl", &only("avdl")),
    ];
    let project = open(directory.path(), &files);
    let compiled = compiled(&project, None).unwrap();
    let documents: Vec<&bellwether::model::Document> =
        compiled.graph.nodes().map(|node| &node.document).collect();
    let expected: bellwether::model::Document = serde_json::from_str(&only("json")).unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0], &expected, "{}", serde_json::to_string_pretty(documents[0]).unwrap());
}
