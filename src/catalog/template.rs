//! Templates of the catalog: `minijinja` with `${...}` delimiters, so that Datadog's `{{...}}` passes through.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{Environment, Expression, UndefinedBehavior};
use serde_json::Value as Json;

use crate::units::{number_value, seconds};

/// All templates of a catalog, compiled once.
pub struct Templates {
    environment: Environment<'static>,
}

/// A compiled template, by the place it has in [`Templates`].
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A value without anything to fill in.
    Constant(Json),
    /// One variable, which keeps its type.
    Variable(String),
    /// One expression, which keeps the type of its result.
    Expression(String),
    /// Text with values in it; the name of the template.
    Text(String),
}

/// Names and what they stand for in a template; of two of one name the last counts.
pub type Names = Vec<(Cow<'static, str>, Value)>;

/// What a template sees. It is looked into a few dozen times, so that a search is faster than making a map.
#[derive(Debug)]
struct Context(Names);

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }
}

/// The context in which templates are filled in.
pub fn context(names: Names) -> Value {
    Value::from_object(Context(names))
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// Without any template yet.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        // The delimiters are constants that do not collide, so this cannot fail; if it did, every
        // template would be taken literally and the catalog's own tests would say so.
        if let Ok(syntax) = SyntaxConfig::builder()
            .variable_delimiters("${", "}")
            .block_delimiters("{%", "%}")
            .comment_delimiters("<#", "#>")
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
        {
            environment.set_syntax(syntax);
        }
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(50_000));
        environment.add_function("seconds", |text: Cow<'_, str>| duration(&text));
        environment.add_function("minutes", |text: Cow<'_, str>| duration(&text).map(|s| s.div_ceil(60)));
        environment
            .add_filter("quoted", |text: Cow<'_, str>| text.replace('\\', "\\\\").replace('"', "\\\""));
        environment.set_formatter(|out, state, value| {
            // 4.0 reads as 4: Datadog compares the number in a query with the threshold as numbers, people as text.
            let number = if value.is_number() { f64::try_from(value.clone()).ok() } else { None };
            match number.and_then(number_value) {
                Some(number) => write!(out, "{number}").map_err(minijinja::Error::from),
                None => minijinja::escape_formatter(out, state, value),
            }
        });
        Self { environment }
    }

    /// Compiles `source` under `name`.
    ///
    /// # Errors
    ///
    /// What is wrong with its syntax.
    pub fn add(&mut self, name: String, source: &str) -> Result<Template, String> {
        if !source.contains("${") && !source.contains("{%") {
            return Ok(Template::Constant(Json::from(source)));
        }
        if let Some(expression) = whole_expression(source) {
            let is_name = expression.chars().all(|c| c.is_alphanumeric() || c == '_');
            if is_name && !matches!(expression, "none" | "true" | "false") {
                return Ok(Template::Variable(expression.to_owned()));
            }
            self.environment.compile_expression_owned(expression.to_owned()).map_err(|e| describe(&e))?;
            return Ok(Template::Expression(expression.to_owned()));
        }
        self.environment.add_template_owned(name.clone(), source.to_owned()).map_err(|e| describe(&e))?;
        Ok(Template::Text(name))
    }

    /// The names that a template needs.
    pub fn variables(&self, template: &Template) -> BTreeSet<String> {
        let names = match template {
            Template::Constant(_) => return BTreeSet::new(),
            Template::Variable(name) => return BTreeSet::from([name.clone()]),
            Template::Expression(source) => match self.environment.compile_expression(source) {
                Ok(expression) => expression.undeclared_variables(false),
                Err(_) => return BTreeSet::new(),
            },
            Template::Text(name) => match self.environment.get_template(name) {
                Ok(template) => template.undeclared_variables(false),
                Err(_) => return BTreeSet::new(),
            },
        };
        names.into_iter().filter(|name| !matches!(name.as_str(), "seconds" | "minutes")).collect()
    }

    /// Something that fills these templates in.
    pub fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { environment: &self.environment, expressions: HashMap::new() }
    }
}

/// Fills templates in. It keeps the expressions that it has met, compiled, as `minijinja` does with templates alone.
pub struct Evaluator<'t> {
    environment: &'t Environment<'static>,
    expressions: HashMap<String, Expression<'t, 'static>>,
}

impl Evaluator<'_> {
    /// Fills a template in.
    ///
    /// # Errors
    ///
    /// What went wrong, in words.
    pub fn render(&mut self, template: &Template, context: &Value) -> Result<Json, String> {
        match template {
            Template::Constant(value) => Ok(value.clone()),
            Template::Variable(name) => {
                let value = context.get_attr(name).map_err(|e| describe(&e))?;
                if value.is_undefined() {
                    return Err(format!("`{name}` is not defined"));
                }
                json(&value)
            }
            Template::Expression(source) => {
                let value = self.evaluate(source, context)?;
                json(&value)
            }
            Template::Text(name) => self
                .environment
                .get_template(name)
                .and_then(|template| template.render(context.clone()))
                .map(Json::String)
                .map_err(|e| describe(&e)),
        }
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    ///
    /// What went wrong, in words.
    pub fn holds(&mut self, condition: &str, context: &Value) -> Result<bool, String> {
        Ok(self.evaluate(condition, context)?.is_true())
    }

    fn evaluate(&mut self, source: &str, context: &Value) -> Result<Value, String> {
        let expression = match self.expressions.get(source) {
            Some(expression) => expression,
            None => {
                let compiled = self.environment.compile_expression_owned(source.to_owned());
                let compiled = compiled.map_err(|e| describe(&e))?;
                self.expressions.entry(source.to_owned()).or_insert(compiled)
            }
        };
        expression.eval(context.clone()).map_err(|e| describe(&e))
    }
}

fn duration(text: &str) -> Result<u64, minijinja::Error> {
    seconds(text).ok_or_else(|| {
        let message = format!("`{text}` is no duration");
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message)
    })
}

/// The expression of a text that is nothing but `${expression}`.
fn whole_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("${")?.strip_suffix('}')?;
    (!inner.contains("${") && !inner.contains('}')).then(|| inner.trim())
}

fn json(value: &Value) -> Result<Json, String> {
    let json = serde_json::to_value(value).map_err(|e| e.to_string())?;
    Ok(match json.as_f64() {
        Some(number) => number_value(number).unwrap_or(json),
        None => json,
    })
}

fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, context: Json) -> Result<Json, String> {
        let mut templates = Templates::new();
        let template = templates.add("t".to_owned(), source)?;
        templates.evaluator().render(&template, &minijinja::value::Serde(&context).into())
    }

    #[test]
    fn datadogs_own_braces_pass_through_untouched() {
        let text = "{{#is_alert}} {{value}} {{/is_alert}} ${event} m{${scope}}";
        let filled = render(text, serde_json::json!({"event": "Cart", "scope": "env:prod"}));
        assert_eq!(filled, Ok("{{#is_alert}} {{value}} {{/is_alert}} Cart m{env:prod}".into()));
    }

    #[test]
    fn a_lone_expression_keeps_its_type() {
        let context = serde_json::json!({"n": 4.0, "none_given": null, "window": "15m"});
        assert_eq!(render("${n}", context.clone()), Ok(4.into()));
        assert_eq!(render("${none_given}", context.clone()), Ok(Json::Null));
        assert_eq!(render("${minutes(window) * 2}", context.clone()), Ok(30.into()));
        assert_eq!(render("x ${n}", context), Ok("x 4".into()));
    }

    #[test]
    fn quotes_cannot_break_out_of_a_query() {
        let filled = render("logs(\"${search|quoted}\")", serde_json::json!({"search": "a\") OR (\"\\"}));
        assert_eq!(filled, Ok("logs(\"a\\\") OR (\\\"\\\\\")".into()));
    }

    #[test]
    fn of_two_of_one_name_the_last_counts() {
        let mut templates = Templates::new();
        let template = templates.add("t".to_owned(), "${when}").unwrap();
        let names = vec![("when".into(), Value::from("a")), ("when".into(), Value::from("b"))];
        assert_eq!(templates.evaluator().render(&template, &context(names)), Ok("b".into()));
    }

    #[test]
    fn unknown_names_and_broken_syntax_are_errors() {
        assert!(render("${nothing}", serde_json::json!({})).is_err());
        assert!(render("a ${nothing} b", serde_json::json!({})).is_err());
        assert!(render("a ${nothing b", serde_json::json!({})).is_err());
        assert!(render("${1 +}", serde_json::json!({})).is_err());
    }
}
