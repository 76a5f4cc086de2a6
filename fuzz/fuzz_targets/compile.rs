//! The whole pure way: a schema, and behind separators an optional bellwether.toml and catalog file, to the graph.

#![no_main]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use bellwether::catalog::{BUILTIN, Catalog};
use bellwether::compile::Node;
use bellwether::config::Config;
use bellwether::diag::{self, Code, Sources};
use bellwether::ops::{self, Compiled, Failure};
use bellwether::project::Project;
use bellwether::render;
use bellwether::schema::{InputFile, avro_json, parse_project};
use bellwether_fuzz::{Input, Other, check_diagnostics, options};
use libfuzzer_sys::fuzz_target;

/// Stands in for a configuration that has no environment.
const ENVIRONMENT: &str = "[environments.fuzz]\nsandbox = true\ntag = \"esm-fuzz\"\nscope = \"env:fuzz\"\n";

thread_local! {
    /// The embedded catalog, which takes longer to load than most inputs take to compile.
    static CATALOG: Cell<Option<Catalog>> = const { Cell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let input = Input::new(data);
    let mut project = project(&input);
    check_diagnostics(&project.diagnostics, &project.sources);

    let (fallback, _) = Config::parse(Sources::default().add("fallback.toml", ENVIRONMENT), ENVIRONMENT);
    let (name, environment) = match project.config.environments.iter().next() {
        Some((name, environment)) => (name.clone(), environment),
        None => {
            fallback.environment(None).map(|(_, environment)| ("fuzz".to_owned(), environment)).expect("one")
        }
    };
    match ops::compile(&project, &name, environment) {
        Ok(compiled) => {
            assert!(!diag::has_errors(&project.diagnostics), "an error of the project is no error any more");
            assert!(!diag::has_errors(&compiled.warnings), "a graph in spite of an error");
            check_diagnostics(&compiled.warnings, &project.sources);
            render::dot(&compiled.graph);
            render::mermaid(&compiled.graph);
            let json = render::graph_json(&compiled.graph, &project.sources);
            assert_eq!(json["nodes"].as_array().map(Vec::len), Some(compiled.graph.len()));
            if let Some(file) = as_json(&input, &project) {
                let documents = documents(&compiled);
                let parsed = parse_project(vec![file], &options(&[], &Other(b"")), &mut project.sources);
                project.schemas = parsed.set;
                match ops::compile(&project, &name, environment) {
                    Ok(again) => {
                        assert_eq!(self::documents(&again), documents, "the JSON asks for something else")
                    }
                    Err(failure) => panic!("the JSON does not compile: {failure:#?}"),
                }
            }
        }
        Err(Failure::Diagnostics(diagnostics)) => {
            assert!(diag::has_errors(&diagnostics), "no graph, and no error that says why");
            check_diagnostics(&diagnostics, &project.sources);
        }
        Err(failure) => panic!("compiling cannot fail like this: {failure:?}"),
    }
    if input.part(1).is_empty() {
        CATALOG.set(Some(project.catalog));
    }
});

/// The schema as Avro JSON, if all of it is there.
fn as_json(input: &Input<'_>, project: &Project) -> Option<InputFile> {
    if input.path != "main.avdl" || project.diagnostics.iter().any(|d| d.code == Code::Lost) {
        return None;
    }
    let (json, _) =
        avro_json(input.file(), &options(&project.config.imports, &Other(b"")), &mut Sources::default());
    let json = json?;
    let path = match json.starts_with('[') {
        true => "main.avsc",
        false if json.starts_with("{\n  \"protocol\"") => "main.avpr",
        // The main schema, which may leave other types out.
        false => return None,
    };
    Some(InputFile { path: path.to_owned(), bytes: json.into_bytes() })
}

/// What is to be in Datadog, by address.
fn documents(compiled: &Compiled) -> BTreeMap<String, String> {
    let document = |node: &Node| format!("{:?} {:?}", node.document, node.former);
    compiled.graph.nodes().map(|node| (node.address.to_string(), document(node))).collect()
}

/// As [`Project::open`] makes it, without a file.
fn project(input: &Input<'_>) -> Project {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let builtin = sources.add("(embedded catalog)", BUILTIN);

    let text = String::from_utf8_lossy(input.part(0));
    let (config, problems) = Config::parse(sources.add("bellwether.toml", text.as_ref()), &text);
    diagnostics.extend(problems);

    let text = String::from_utf8_lossy(input.part(1));
    let catalog = match CATALOG.take().filter(|_| text.is_empty()) {
        Some(catalog) => catalog,
        None => {
            let own = [(sources.add("monitors/own.toml", text.as_ref()), text.as_ref())];
            let (catalog, problems) = Catalog::load(builtin, if text.is_empty() { &[] } else { &own });
            diagnostics.extend(problems);
            catalog
        }
    };

    let options = options(&config.imports, &Other(b""));
    let parsed = parse_project(vec![input.file()], &options, &mut sources);
    diagnostics.extend(parsed.diagnostics);
    diag::sort(&mut diagnostics);
    Project {
        root: PathBuf::new(),
        config,
        sources,
        catalog,
        schemas: parsed.set,
        schema_files: 1,
        diagnostics,
    }
}
