//! The expression of a composite monitor: addresses joined by `&&`, `||`, `!` and parentheses.

use crate::model::Address;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// Datadog's query, with `${address}` where a monitor's id belongs.
    pub query: String,
    /// The same for people.
    pub text: String,
    /// The monitors it names, without repetition, in order.
    pub operands: Vec<Address>,
}

/// Datadog's limit on the monitors of one composite.
pub const MAX_OPERANDS: usize = 10;

/// Reads an expression written on `record`, against whose name short addresses are resolved.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn parse(text: &str, record: &str) -> Result<Expression, String> {
    let mut parser = Parser {
        rest: text,
        record,
        query: String::new(),
        text: String::new(),
        operands: Vec::new(),
        depth: 0,
    };
    parser.alternatives()?;
    if !parser.rest.trim_start().is_empty() {
        return Err(format!("`{}` is left over", parser.rest.trim()));
    }
    if parser.operands.len() > MAX_OPERANDS {
        return Err(format!(
            "a composite has at most {MAX_OPERANDS} monitors, this one has {}",
            parser.operands.len()
        ));
    }
    Ok(Expression { query: parser.query, text: parser.text, operands: parser.operands })
}

/// The addresses that a composite's query names as `${address}`.
pub fn references(query: &str) -> impl Iterator<Item = &str> {
    query.split("${").skip(1).filter_map(|part| part.split_once('}').map(|(address, _)| address))
}

/// A composite's query with every `${address}` replaced by what `id_of` gives for it; an address it does not
/// know stays as it is.
pub fn resolve(query: &str, id_of: impl Fn(&str) -> Option<u64>) -> String {
    let mut resolved = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        resolved.push_str(&rest[..start]);
        let reference = &rest[start + 2..start + length];
        match id_of(reference) {
            Some(id) => resolved.push_str(&id.to_string()),
            None => resolved.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    resolved + rest
}

/// The reverse of [`resolve`]: every id is replaced by the `${address}` that `address_of` gives for it; an id it does
/// not know stays as it is.
pub fn unresolve(query: &str, address_of: impl Fn(u64) -> Option<String>) -> String {
    let mut unresolved = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let length = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - start);
        let (before, id) = (&rest[..start], &rest[start..start + length]);
        unresolved.push_str(before);
        match id.parse().ok().and_then(&address_of) {
            Some(address) => unresolved.push_str(&format!("${{{address}}}")),
            None => unresolved.push_str(id),
        }
        rest = &rest[start + length..];
    }
    unresolved + rest
}

/// The form of a composite's query without its operands, and the operands: ids or `${address}`.
pub fn shape(query: &str) -> (String, Vec<&str>) {
    let (mut shape, mut operands) = (String::new(), Vec::new());
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '$' => rest.find('}').map_or(rest.len(), |end| end + 1),
            '0'..='9' => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
            _ => {
                if !first.is_whitespace() {
                    shape.push(first);
                }
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        operands.push(&rest[..length]);
        shape.push('#');
        rest = &rest[length..];
    }
    (shape, operands)
}

struct Parser<'t> {
    rest: &'t str,
    record: &'t str,
    query: String,
    text: String,
    operands: Vec<Address>,
    depth: usize,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<(), String> {
        self.joined("||", Self::conjunction)
    }

    fn conjunction(&mut self) -> Result<(), String> {
        self.joined("&&", Self::operand)
    }

    fn joined(&mut self, operator: &str, part: fn(&mut Self) -> Result<(), String>) -> Result<(), String> {
        part(self)?;
        while self.take(operator) {
            self.write(&format!(" {operator} "));
            part(self)?;
        }
        Ok(())
    }

    fn operand(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > 64 {
            return Err("too many parentheses".to_owned());
        }
        if self.take("!") {
            self.write("!");
            self.operand()?;
        } else if self.take("(") {
            self.write("( ");
            self.alternatives()?;
            if !self.take(")") {
                return Err("a `)` is missing".to_owned());
            }
            self.write(" )");
        } else {
            self.address()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn address(&mut self) -> Result<(), String> {
        self.rest = self.rest.trim_start();
        let end =
            self.rest.find(|c: char| c.is_whitespace() || "()&|!".contains(c)).unwrap_or(self.rest.len());
        let (written, rest) = self.rest.split_at(end);
        if written.is_empty() {
            let next = self.rest.chars().next().map_or("the end".to_owned(), |c| format!("`{c}`"));
            return Err(format!("an address is expected before {next}"));
        }
        self.rest = rest;
        let address = self.absolute(written)?;
        self.query.push_str(&format!("${{{address}}}"));
        self.text.push_str(written);
        if !self.operands.contains(&address) {
            self.operands.push(address);
        }
        Ok(())
    }

    fn absolute(&self, written: &str) -> Result<Address, String> {
        let full = match written.split_once('/') {
            None => format!("{}/{written}", self.record),
            Some((subject, rest)) => match (subject.contains('.'), self.record.rsplit_once('.')) {
                (false, Some((namespace, _))) => format!("{namespace}.{subject}/{rest}"),
                _ => written.to_owned(),
            },
        };
        Address::parse(&full).map_err(|error| error.to_string())
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn write(&mut self, text: &str) {
        self.query.push_str(text);
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_addresses_are_completed_from_the_record() {
        let expression =
            parse("a_monitor && !(Other/b_monitor:x || org.c.D/c_monitor)", "com.example.Cart").unwrap();
        assert_eq!(
            expression.query,
            "${com.example.Cart/a_monitor} && !( ${com.example.Other/b_monitor:x} || ${org.c.D/c_monitor} )"
        );
        assert_eq!(expression.operands.len(), 3);
        assert_eq!(references(&expression.query).count(), 3);
    }

    #[test]
    fn ids_take_the_place_of_addresses() {
        let resolved = resolve("${a.B/x} && ${a.C/y}", |address| (address == "a.B/x").then_some(7));
        assert_eq!(resolved, "7 && ${a.C/y}");
    }

    #[test]
    fn queries_are_compared_by_shape_and_operands() {
        assert_eq!(shape("12 && !( ${a.B/x} || 3 )"), ("#&&!(#||#)".to_owned(), vec!["12", "${a.B/x}", "3"]));
    }

    #[test]
    fn broken_expressions_say_where() {
        for (text, expected) in [
            ("", "before the end"),
            ("a &&", "before the end"),
            ("a b", "`b` is left over"),
            ("(a", "a `)` is missing"),
            ("a || && b", "before `&`"),
            ("a/b/c", "is not an address"),
        ] {
            let error = parse(text, "n.R").unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        assert!(parse(&"(".repeat(10_000), "n.R").is_err());
        assert!(parse(&"!".repeat(10_000), "n.R").is_err());
    }
}
