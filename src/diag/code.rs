//! The stable codes of diagnostics. A code is never given a second meaning.

use super::Severity;

macro_rules! codes {
    ($($name:ident = $text:literal, $severity:ident, $title:literal, $explanation:literal;)+) => {
        /// A stable diagnostic code, `BWnnnn`: 00xx syntax of schema files, 01xx annotations, 02xx parameters,
        /// 03xx catalog and configuration, 04xx the graph, 05xx the live side.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// All codes, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as users see it, `BW0102`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Whether it stops the run.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// What it says, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// Why it is said and what to do, in a few sentences.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $explanation,)+ }
            }
        }
    };
}

codes! {
    Syntax = "BW0001", Error, "the file is not valid Avro IDL or JSON",
        "The parser met something that the Avro specification does not allow at this place. Nothing of this file is used, so nothing is planned.";
    Unreadable = "BW0002", Error, "a file cannot be read",
        "The file is missing, is not UTF-8 or UTF-16 text, is too large, or the operating system refused to read it.";
    Name = "BW0003", Error, "an invalid name",
        "Avro names start with a letter or `_` and go on with letters, digits and `_`; names of primitive types cannot be declared.";
    Undefined = "BW0004", Error, "an undefined type",
        "A type is referred to that no schema file declares. An unqualified name is looked up in the namespace of the type it stands in, nowhere else.";
    Redefined = "BW0005", Error, "a name is defined twice",
        "Two declarations of one full name differ. Identical ones are merged; different ones would make the meaning depend on the order of files.";
    Import = "BW0006", Error, "an import cannot be resolved",
        "The path of an import is looked up beside the importing file, then in the `imports` directories of bellwether.toml.";
    DefaultValue = "BW0007", Error, "a default does not fit its type",
        "Readers of old data would fail on this default.";
    Invalid = "BW0008", Error, "a declaration breaks a rule of Avro",
        "The text is well formed, but Avro does not allow what it declares, for example two fields of one name or a decimal whose scale exceeds its precision.";
    Doc = "BW0009", Warning, "a documentation comment that belongs to nothing",
        "A `/** */` comment documents the declaration that follows it directly. This one is lost; use `/* */` for an ordinary comment.";
    Lost = "BW0010", Warning, "Avro drops or ignores what is written here",
        "Avro's own tools accept this without a word and lose it, or keep only the last of several.";
    UnknownAnnotation = "BW0101", Error, "an unknown annotation that looks like a known one",
        "Annotations that bellwether does not know are left alone, but this name is so close to a known one that it is most likely mistyped, and a mistyped monitor is a monitor that nobody gets. If it belongs to another tool, name it in `foreign_annotations` of bellwether.toml.";
    Misplaced = "BW0102", Error, "an annotation has no effect at this place",
        "Monitor annotations stand before a record, field annotations before a field's name, modifiers before a record or a protocol.";
    DuplicateAnnotation = "BW0103", Error, "an annotation is given twice",
        "Avro keeps only the last of two annotations of one name. To build several monitors of one kind, give one annotation a list of objects, each with its own `id`.";
    AnnotationValue = "BW0104", Error, "an annotation's value has the wrong shape",
        "A monitor annotation takes an object of parameters, or a list of objects that each have an `id`.";
    UnknownParameter = "BW0201", Error, "an unknown parameter",
        "`bellwether catalog KIND` lists the parameters of a kind.";
    ParameterType = "BW0202", Error, "a parameter has the wrong type",
        "`bellwether catalog KIND` shows the type of each parameter.";
    MissingParameter = "BW0203", Error, "a required parameter is missing",
        "This parameter has no default; the annotation, or the defaults in bellwether.toml, must give it.";
    ParameterRange = "BW0204", Error, "a parameter is out of range",
        "`bellwether catalog KIND` shows the range or the allowed values of each parameter.";
    ParameterCombination = "BW0205", Error, "parameters contradict each other",
        "Datadog refuses such a monitor, or it could never fire.";
    Channel = "BW0206", Error, "an alert channel that Datadog would not notify",
        "A channel is `slack-NAME`, `pagerduty-NAME`, an e-mail address or another handle, without blanks; `#name` means `slack-name`.";
    Config = "BW0301", Error, "bellwether.toml is not right",
        "docs/configuration.md lists every key.";
    Catalog = "BW0302", Error, "a catalog entry is not right",
        "docs/catalog.md describes the format of monitors/*.toml.";
    Template = "BW0303", Error, "a template failed",
        "A template of the catalog could not be rendered with these parameters.";
    NoSchemas = "BW0304", Error, "no schema file was found",
        "An empty desired state would delete every monitor, so it is taken for a mistake in the `schemas` patterns of bellwether.toml.";
    DuplicateAddress = "BW0401", Error, "two monitors claim one address",
        "An address names one monitor. Give each object of a list its own `id`.";
    UnknownAddress = "BW0402", Error, "an unknown address",
        "A composite refers to monitors by address, `<record>/<annotation>[:<id>]`; within one record `<annotation>[:<id>]` is enough.";
    Cycle = "BW0403", Error, "monitors depend on each other in a circle",
        "A composite cannot be part of itself, directly or through others.";
    Composite = "BW0404", Error, "a composite that Datadog does not allow",
        "The operands of a composite are monitors that are not composites themselves; at most ten of them.";
    Threshold = "BW0405", Error, "a threshold disagrees with the query",
        "Datadog requires the number that the query compares with to equal `options.thresholds.critical`, and warning and recovery thresholds to lie on the safe side of it.";
    Twin = "BW0406", Error, "two monitors with one name, query and message",
        "Datadog refuses the second of two monitors that agree in name, query and message.";
    Tag = "BW0407", Error, "a tag that Datadog would change or refuse",
        "Tags have at most 200 characters and consist of letters, digits and `_-:./`; `bellwether` and `bellwether_rev` are set by bellwether alone.";
    Budget = "BW0408", Error, "the budget is exceeded",
        "The aggregate metrics of all schemas together may publish `[budget] custom_metrics` time series in an hour.";
    Rejected = "BW0409", Error, "Datadog rejects the monitor",
        "Datadog's own validation, asked at plan time, refused this monitor.";
    Unrouted = "BW0410", Warning, "a monitor that notifies nobody",
        "No `@alert_channel` applies to this monitor, so nobody learns that it fires.";
    Clone = "BW0501", Warning, "a copy of a managed monitor",
        "Somebody cloned a managed monitor in Datadog; the copy carries the same address. The copy is left alone: remove its `bellwether:` tag or delete it.";
    Unvalidated = "BW0502", Warning, "Datadog could not be asked whether it accepts the change",
        "Validation is a courtesy; its outage never changes the plan.";
    OwnerTagRemoved = "BW0503", Warning, "the owner tag of a managed monitor was removed in Datadog",
        "Without the environment's tag a monitor is not ours to change, and creating a second one would page people twice. Put the tag back in Datadog, or remove the `bellwether:` tag as well to give the monitor up.";
    Unattributed = "BW0504", Warning, "options or tags that nobody can attribute",
        "Schemas and Datadog both changed since the last apply, and the snapshot that would tell whose an option or a tag is, is gone. What is in question stays as it is.";
}

impl Code {
    /// The code that is written `text`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_parses_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
    }
}
