//! docs/diagnostics.md: the codes, and the messages that users meet most, as the program prints them.

use bellwether::diag::{Code, Diagnostic, Severity};
use bellwether::ops::{Failure, compile};
use bellwether::render;

use super::pages::generated;
use super::project;

const HEAD: &str = "\
# Diagnostics

Every message about a file, and some about Datadog, carries a code. A code is never given a second meaning. An error stops the run before
anything is planned or written; a warning does not. One run shows all the mistakes that do not hang on each other; of
more than a hundred messages the first hundred, errors before warnings.

`bellwether explain CODE` prints what this page says of a code. `bellwether check --format json` gives the same messages as data: code,
places (lines and columns count from 1, in characters; bytes from 0, and only where the file is UTF-8), help, and edits where a correction
is mechanical.

This page is made from the list of codes and from real runs: `BLESS=1 cargo test --test docs` writes it anew.

## Ten that you will meet
";

struct Example {
    title: &'static str,
    path: &'static str,
    text: &'static str,
    code: Code,
    /// What the picture does not say.
    remark: &'static str,
}

const EXAMPLES: [Example; 10] = [
    Example {
        title: "A mistake in the file itself",
        path: "schemas/cart.avdl",
        text: "record AddToCartEvent {\n  string cartId\n  string courseId;\n}\n",
        code: Code::Syntax,
        remark: "The rest of the file is still read, so that other mistakes show in the same run.",
    },
    Example {
        title: "A type of another namespace",
        path: "schemas/cart.avdl",
        text: "\
@namespace(\"com.example\")
protocol Cart {
  @namespace(\"com.example.common\")
  record Price {
    long cents;
  }

  record AddToCartEvent {
    Price price;
  }
}
",
        code: Code::Undefined,
        remark: "A name without dots is looked up in the namespace of the record it stands in.",
    },
    Example {
        title: "An import that is not there",
        path: "schemas/cart.avdl",
        text: "import idl \"comon.avdl\";\n\nrecord AddToCartEvent {\n  com.example.Price price;\n}\n",
        code: Code::Import,
        remark: "While an import is missing, types that may have been declared there are not reported.",
    },
    Example {
        title: "A mistyped annotation",
        path: "schemas/cart.avdl",
        text: "@trafic_anomaly_monitor({})\nrecord AddToCartEvent {\n  string cartId;\n}\n",
        code: Code::UnknownAnnotation,
        remark: "Other annotations that bellwether does not know pass untouched.",
    },
    Example {
        title: "An annotation that an enum took from its event",
        path: "schemas/cart.avdl",
        text: "\
protocol Cart {
  /** A visitor put a course into the cart. */
  @traffic_anomaly_monitor({\"deviations\": 4})
  enum Source { WEB, APP }

  record AddToCartEvent {
    Source source;
  }
}
",
        code: Code::Misplaced,
        remark: "The event would have no monitor, and Avro's own tools would say nothing.",
    },
    Example {
        title: "One annotation twice",
        path: "schemas/cart.avdl",
        text: "\
@traffic_threshold_monitor({\"below\": 200})
@traffic_threshold_monitor({\"above\": 9000})
record AddToCartEvent {
  string cartId;
}
",
        code: Code::DuplicateAnnotation,
        remark: "Avro keeps only the last of two, so the other monitor would be lost.",
    },
    Example {
        title: "A mistyped parameter",
        path: "schemas/cart.avdl",
        text: "@traffic_anomaly_monitor({\"deviation\": 4})\nrecord AddToCartEvent {\n  string cartId;\n}\n",
        code: Code::UnknownParameter,
        remark: "",
    },
    Example {
        title: "A value of the wrong type, in JSON",
        path: "schemas/cart.avsc",
        text: "\
{
  \"type\": \"record\",
  \"name\": \"AddToCartEvent\",
  \"traffic_threshold_monitor\": {\"below\": \"200\"},
  \"fields\": [{\"name\": \"cartId\", \"type\": \"string\"}]
}
",
        code: Code::ParameterType,
        remark: "",
    },
    Example {
        title: "A value out of range",
        path: "schemas/cart.avdl",
        text: "@traffic_anomaly_monitor({\"critical\": 80})\nrecord AddToCartEvent {\n  string cartId;\n}\n",
        code: Code::ParameterRange,
        remark: "",
    },
    Example {
        title: "A monitor that nobody hears",
        path: "schemas/cart.avdl",
        text: "@traffic_anomaly_monitor({})\nrecord AddToCartEvent {\n  string cartId;\n}\n",
        code: Code::Unrouted,
        remark: "A warning: the monitor is made all the same.",
    },
];

/// The diagnostic of that code, as `check` prints it in 80 columns.
fn printed(example: &Example) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = "[environments.prod]\nsandbox = true\ntag = \"esm-prod\"\n";
    let project =
        project::open(directory.path(), &[("bellwether.toml", config), (example.path, example.text)]);
    let (name, environment) = project.config.environment(None).unwrap();
    let diagnostics = match compile(&project, &name, environment) {
        Ok(compiled) => compiled.warnings,
        Err(Failure::Diagnostics(diagnostics)) => diagnostics,
        Err(other) => panic!("{other}"),
    };
    let others: Vec<&Diagnostic> =
        diagnostics.iter().filter(|d| d.code != example.code && d.code != Code::Unrouted).collect();
    assert!(others.is_empty(), "one mistake, one message: {others:?}");
    let shown: Vec<Diagnostic> = diagnostics.into_iter().filter(|d| d.code == example.code).collect();
    assert_eq!(shown.len(), 1, "{}", example.title);
    let page = render::Page { width: 80, ..render::Page::PLAIN };
    render::diagnostics(&shown, &project.sources, &page).trim_end().to_owned()
}

fn examples() -> String {
    let mut text = String::new();
    for (number, example) in EXAMPLES.iter().enumerate() {
        let title = example.title;
        text += &format!("\n### {}. {title}\n\n```text\n{}\n```\n", number + 1, printed(example));
        if !example.remark.is_empty() {
            text += &format!("\n{}\n", example.remark);
        }
    }
    text
}

/// Every diagnostic code.
fn codes() -> String {
    let mut page = String::new();
    let groups = [
        ("BW00", "Schema files"),
        ("BW01", "Annotations"),
        ("BW02", "Parameters"),
        ("BW03", "Configuration and catalog"),
        ("BW04", "Monitors and the graph"),
        ("BW05", "What is live in Datadog"),
    ];
    let mut heading = "";
    for code in Code::ALL {
        let group = groups.iter().find(|(prefix, _)| code.as_str().starts_with(prefix));
        let title = group.map_or("Others", |(_, title)| title);
        if title != heading {
            page.push_str(&format!("\n## {title}\n"));
            heading = title;
        }
        let severity = match code.severity() {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
        };
        page.push_str(&format!(
            "\n### {code}: {}\n\n{severity}. {}\n",
            code.title().trim_start_matches("an ").trim_start_matches("a "),
            code.explanation()
        ));
    }
    page
}

#[test]
fn the_page_of_diagnostics_shows_every_code_and_ten_messages() {
    let codes = codes();
    assert!(Code::ALL.iter().all(|code| codes.contains(&format!("### {code}: "))));
    assert!(!codes.contains("## Others"), "each code belongs to a group");
    generated("diagnostics.md", &format!("{HEAD}{}{codes}", examples()));
}
