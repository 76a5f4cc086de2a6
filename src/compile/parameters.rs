//! Layers of parameters: catalog, `[defaults]`, the environment's defaults, the annotation.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::node::{Parameter, SetBy};
use crate::catalog::{Catalog, Kind, Parameter as CatalogParameter, Refusal};
use crate::config::Defaults;
use crate::diag::{Code, Diagnostic, Span};
use crate::value::Member;

/// Parameters set above the catalog, by name.
pub type Set = BTreeMap<String, Parameter>;

/// The parameters that bellwether.toml sets, checked once for all annotations of a kind.
pub struct Layers {
    by_kind: BTreeMap<String, Set>,
}

impl Layers {
    /// Checks `[defaults]` and the environment's defaults against the catalog.
    pub fn new(
        catalog: &Catalog,
        repository: &Defaults,
        environment: &Defaults,
        out: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut by_kind: BTreeMap<String, Set> = BTreeMap::new();
        for (defaults, layer) in [(repository, SetBy::Defaults), (environment, SetBy::Environment)] {
            for (name, entry) in defaults {
                let Some(kind) = catalog.kind(name) else {
                    if let Some(span) = entry.key_span {
                        let message = format!("there is no annotation kind `{name}`");
                        let mut diagnostic = Diagnostic::at(Code::Config, span, message, "");
                        if let Some(meant) = catalog.closest(name) {
                            diagnostic = diagnostic
                                .with_help(format!("did you mean `{meant}`?"))
                                .with_fix(span, meant);
                        }
                        out.push(diagnostic);
                    }
                    continue;
                };
                let set = by_kind.entry(name.clone()).or_default();
                set_members(kind, &entry.parameters, layer, set, out);
            }
        }
        Self { by_kind }
    }

    /// The parameters of one annotation: the configured ones, overlaid by `members` of the annotation.
    pub fn overlay(&self, kind: &Kind, members: &[Member], out: &mut Vec<Diagnostic>) -> Set {
        let mut set = self.by_kind.get(&kind.name).cloned().unwrap_or_default();
        set_members(kind, members, SetBy::Annotation, &mut set, out);
        set
    }
}

fn set_members(kind: &Kind, members: &[Member], layer: SetBy, set: &mut Set, out: &mut Vec<Diagnostic>) {
    for member in members {
        if member.key == "id" && layer == SetBy::Annotation {
            continue;
        }
        let Some(parameter) = kind.parameters.get(&member.key) else {
            out.push(unknown(kind, member));
            continue;
        };
        match parameter.check(&member.value) {
            Ok(value) => {
                let span = member.value.span;
                set.insert(member.key.clone(), Parameter { value, set_by: layer, span });
            }
            Err(refusal) => out.push(refused(kind, parameter, refusal)),
        }
    }
}

fn refused(kind: &Kind, parameter: &CatalogParameter, refusal: Refusal) -> Diagnostic {
    let Refusal { code, span, message, remark, meant } = refusal;
    let diagnostic = Diagnostic::at(code, span, message, remark);
    match meant {
        Some(meant) => diagnostic.with_help(format!("did you mean `{meant}`?")).with_fix(span, meant),
        None => diagnostic
            .with_help(format!("`{}`: {}", parameter.name, parameter.help))
            .with_help(format!("`bellwether catalog {}` lists the parameters", kind.name)),
    }
}

fn unknown(kind: &Kind, member: &Member) -> Diagnostic {
    let message = format!("`{}` has no parameter `{}`", kind.name, member.key);
    let diagnostic = Diagnostic::at(Code::UnknownParameter, member.key_span, message, "");
    match kind.closest_parameter(&member.key) {
        Some(meant) => diagnostic
            .with_help(format!("did you mean `{meant}`?"))
            .with_fix(member.key_span, format!("{meant:?}")),
        None => diagnostic.with_help(format!("`bellwether catalog {}` lists the parameters", kind.name)),
    }
}

/// Reports every required parameter that nobody gave, not even wrongly; `span` is the annotation's name.
pub fn require(kind: &Kind, set: &Set, members: &[Member], span: Span, out: &mut Vec<Diagnostic>) -> bool {
    let missing: Vec<&str> = kind
        .parameters
        .values()
        .filter(|parameter| parameter.required && !set.contains_key(&parameter.name))
        .filter(|parameter| !members.iter().any(|member| member.key == parameter.name))
        .map(|parameter| parameter.name.as_str())
        .collect();
    for name in &missing {
        out.push(
            Diagnostic::at(Code::MissingParameter, span, format!("`{}` needs `{name}`", kind.name), "")
                .with_help(format!("for example {}", kind.example)),
        );
    }
    missing.is_empty()
}

/// The value of a parameter: as set, or the catalog's default.
pub fn value(kind: &Kind, set: &Set, name: &str) -> Json {
    set.get(name).map_or_else(|| kind.default(name), |parameter| parameter.value.clone())
}
