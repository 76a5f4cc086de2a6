//! Diagnostics as SARIF 2.1.0, which GitHub shows as code scanning alerts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::annotations::{in_repository, said};
use crate::diag::{Code, Diagnostic, Severity, Sources};
use crate::normalise::fingerprint;
use crate::text::clean;

/// GitHub keeps the first 5,000 results of a run.
const MOST: usize = 5_000;

/// What is wrong in the user's files; `prefix` is the project's path from the repository's root, `config` the file that
/// stands for what no file is to blame for.
pub fn sarif(diagnostics: &[Diagnostic], sources: &Sources, prefix: &str, config: &str) -> Value {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.severity());
    sorted.truncate(MOST);
    let codes: BTreeSet<Code> = sorted.iter().map(|diagnostic| diagnostic.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let results: Vec<Value> = sorted
        .iter()
        .map(|diagnostic| {
            let index = codes.iter().position(|code| *code == diagnostic.code);
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            let file = place.map_or(config, |span| &sources.file(span.file).path);
            // Without the line: an alert stays the same when something is written above it.
            let print = fingerprint(&[diagnostic.code.as_str(), file, &diagnostic.message]);
            let repeated = seen.entry(print.clone()).and_modify(|times| *times += 1).or_insert(1);
            json!({
                "ruleId": diagnostic.code.as_str(),
                "ruleIndex": index,
                "level": level(diagnostic.severity()),
                "message": {"text": clean(&said(diagnostic))},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri(&in_repository(file, prefix)), "uriBaseId": "%SRCROOT%"},
                    "region": region(diagnostic, sources),
                }}],
                "partialFingerprints": {"primaryLocationLineHash": format!("{print}:{repeated}")},
            })
        })
        .collect();
    document(json!(rules), json!(results), None)
}

/// A run that came to no end.
pub fn sarif_failure(message: &str) -> Value {
    let invocation = json!([{
        "executionSuccessful": false,
        "toolExecutionNotifications": [{"level": "error", "message": {"text": clean(message)}}],
    }]);
    document(json!([]), json!([]), Some(invocation))
}

fn document(rules: Value, results: Value, invocations: Option<Value>) -> Value {
    let mut run = json!({
        "tool": {"driver": {
            "name": "bellwether",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if let Some(invocations) = invocations {
        run["invocations"] = invocations;
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.title()},
        "fullDescription": {"text": code.explanation()},
        "help": {"text": code.explanation()},
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn region(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let Some(label) = &diagnostic.primary else { return json!({"startLine": 1}) };
    let file = sources.file(label.span.file);
    let (start, end) = (file.position(label.span.start), file.position(label.span.end));
    json!({
        "startLine": start.line, "startColumn": start.column,
        "endLine": end.line, "endColumn": end.column,
    })
}

/// A path as a relative URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
