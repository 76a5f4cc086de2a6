//! What a comment asks for. Only its first line counts, and only as a whole.

use crate::suggest::closest;

/// More than any command has.
const LONGEST_LINE: usize = 512;

/// What the first line of a comment says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Said {
    /// It is not addressed to bellwether.
    Nothing,
    /// A command.
    Command(Command),
    /// It is addressed to bellwether, and is no command.
    Unclear(Unclear),
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Command {
    /// The word it began with, as it is set up.
    pub word: String,
    /// The environment, if one is named.
    pub environment: Option<String>,
    /// What is to be done.
    pub verb: Verb,
    /// `--only`: the addresses that it is about.
    pub only: Option<String>,
    /// `--allow-deletes`: the number of deletes that is right.
    pub allow_deletes: Option<u64>,
    /// `--reset-drift`: whether edits made in Datadog are overwritten.
    pub reset_drift: bool,
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Makes the plan anew.
    Plan,
    /// Applies what was planned; `apply` is the same.
    Register,
    /// Lists the commands.
    Help,
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unclear {
    /// The word it began with, as it is set up.
    pub word: String,
    /// What is wrong, in a clause. It repeats only what is made of letters, digits and a few signs.
    pub reason: String,
    /// The command that was probably meant.
    pub meant: Option<String>,
}

impl Verb {
    /// The verb as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Register => "register",
            Self::Help => "help",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "plan" => Some(Self::Plan),
            "register" | "apply" => Some(Self::Register),
            "help" => Some(Self::Help),
            _ => None,
        }
    }
}

impl Command {
    /// The command as one would write it, for another verb or environment than its own.
    pub fn written(&self, environment: Option<&str>, verb: Verb) -> String {
        let mut text = self.word.clone();
        for part in environment.into_iter().chain([verb.word()]) {
            text.push(' ');
            text.push_str(part);
        }
        if let Some(only) = &self.only {
            text.push_str(" --only ");
            text.push_str(only);
        }
        if self.reset_drift {
            text.push_str(" --reset-drift");
        }
        text
    }
}

/// Reads the first line of a comment; `words` are those that address bellwether.
pub fn parse(comment: &str, words: &[String]) -> Said {
    let line = unquoted(comment.lines().next().unwrap_or_default());
    let mut parts = line.split_whitespace();
    let first = parts.next().unwrap_or_default();
    let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(first)) else { return Said::Nothing };
    let unclear = |reason: String, meant: Option<String>| {
        Said::Unclear(Unclear {
            word: word.clone(),
            reason,
            meant: meant.map(|meant| format!("{word} {meant}")),
        })
    };
    if line.len() > LONGEST_LINE {
        return unclear("the line is longer than any command".to_owned(), None);
    }
    let parts: Vec<&str> = parts.collect();
    match command(word, &parts) {
        Ok(command) => Said::Command(command),
        Err((reason, meant)) => unclear(reason, meant),
    }
}

/// The line without the back-ticks around it. A fence that is not closed on its line is a code block, and no command.
fn unquoted(line: &str) -> &str {
    let line = line.trim();
    let inner = line.trim_start_matches('`');
    let ticks = line.len() - inner.len();
    let bare = inner.trim_end_matches('`');
    if inner.len() - bare.len() == ticks { bare.trim() } else { "" }
}

type Wrong = (String, Option<String>);

fn command(word: &str, parts: &[&str]) -> Result<Command, Wrong> {
    let verb_at = |index: usize| parts.get(index).and_then(|part| Verb::parse(part));
    let (environment, verb, options) = match (verb_at(0), verb_at(1)) {
        // An environment may be called like a verb.
        (Some(_), Some(verb)) => (parts.first(), verb, parts.get(2..)),
        (Some(verb), None) => (None, verb, parts.get(1..)),
        (None, Some(verb)) => (parts.first(), verb, parts.get(2..)),
        (None, None) => return Err(no_verb(parts)),
    };
    let environment = environment
        .map(|name| match is_name(name) {
            true => Ok((*name).to_owned()),
            false => Err(("that is not the name of an environment".to_owned(), None)),
        })
        .transpose()?;
    let mut command = Command {
        word: word.to_owned(),
        environment,
        verb,
        only: None,
        allow_deletes: None,
        reset_drift: false,
    };
    read_options(&mut command, options.unwrap_or_default())?;
    Ok(command)
}

/// Neither the first word nor the second is a verb: names the nearest one.
fn no_verb(parts: &[&str]) -> Wrong {
    const KNOWN: [&str; 4] = ["plan", "register", "apply", "help"];
    let Some(first) = parts.first() else { return ("it says nothing to do".to_owned(), None) };
    if parts.iter().take(2).any(|part| part.eq_ignore_ascii_case("adopt")) {
        return ("`adopt` is not offered yet".to_owned(), None);
    }
    let nearest = |text: &&str| closest(text, KNOWN);
    if let Some(meant) = nearest(first) {
        return (format!("there is no command {}", shown(first)), Some(meant.to_owned()));
    }
    match parts.get(1).and_then(|second| Some((second, nearest(second).filter(|_| is_name(first))?))) {
        Some((second, meant)) => {
            (format!("there is no command {}", shown(second)), Some(format!("{first} {meant}")))
        }
        None => (format!("there is no command {}", shown(first)), None),
    }
}

fn read_options(command: &mut Command, options: &[&str]) -> Result<(), Wrong> {
    let wrong = |reason: String| Err((reason, None));
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let (name, mut value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (*option, None),
        };
        let name = name.to_ascii_lowercase();
        if name != "--reset-drift" && matches!(name.as_str(), "--only" | "--allow-deletes") {
            value = value.or_else(|| options.next().copied());
        }
        match (name.as_str(), value) {
            ("--reset-drift", None) => command.reset_drift = true,
            ("--only", Some(glob)) => match is_glob(glob) {
                true => command.only = Some(glob.to_owned()),
                false => {
                    return wrong(
                        "`--only` takes a pattern of addresses such as `com.example.*/*`".to_owned(),
                    );
                }
            },
            ("--allow-deletes", Some(number)) => match count(number) {
                Some(number) => command.allow_deletes = Some(number),
                None => return wrong("`--allow-deletes` takes a number".to_owned()),
            },
            ("--only" | "--allow-deletes", None) => return wrong(format!("`{name}` needs a value")),
            ("--reset-drift", Some(_)) => return wrong("`--reset-drift` takes no value".to_owned()),
            _ => {
                let meant = closest(&name, ["--only", "--allow-deletes", "--reset-drift"]);
                let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                return wrong(format!("there is no option {}{hint}", shown(option)));
            }
        }
    }
    Ok(())
}

fn count(text: &str) -> Option<u64> {
    let is_number = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Whether the text can be an environment's name in a comment.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Whether the text can be a pattern of addresses: what addresses are made of, and wildcards.
fn is_glob(text: &str) -> bool {
    (1..=300).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:*?{},[]".contains(&byte))
}

/// What somebody wrote, in a code span, if it is harmless there.
fn shown(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.=".contains(&byte);
    match (1..=40).contains(&text.len()) && text.bytes().all(is_plain) {
        true => format!("`{text}`"),
        false => "of that name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> Vec<String> {
        vec!["bellwether".to_owned(), "esm".to_owned()]
    }

    fn said(comment: &str) -> String {
        match parse(comment, &words()) {
            Said::Nothing => "-".to_owned(),
            Said::Unclear(unclear) => {
                let meant = unclear.meant.map(|meant| format!(" ({meant}?)")).unwrap_or_default();
                format!("unclear: {}{meant}", unclear.reason)
            }
            Said::Command(command) => {
                let deletes = command.allow_deletes.map(|n| format!(" deletes={n}")).unwrap_or_default();
                command.written(command.environment.as_deref(), command.verb) + &deletes
            }
        }
    }

    #[test]
    fn commands_are_understood() {
        for (comment, meaning) in [
            ("bellwether plan", "bellwether plan"),
            ("esm prod register", "esm prod register"),
            ("ESM Prod REGISTER", "esm Prod register"),
            ("bellwether apply", "bellwether register"),
            ("  `esm prod plan`  ", "esm prod plan"),
            ("```esm help```", "esm help"),
            ("esm plan plan", "esm plan plan"),
            ("esm plan\r\nesm register", "esm plan"),
            ("esm prod register --allow-deletes 25", "esm prod register deletes=25"),
            ("esm prod register --ALLOW-DELETES=25", "esm prod register deletes=25"),
            (
                "esm register --only com.example.A*/** --reset-drift",
                "esm register --only com.example.A*/** --reset-drift",
            ),
        ] {
            assert_eq!(said(comment), meaning, "{comment}");
        }
    }

    #[test]
    fn what_is_addressed_to_nobody_is_passed_over_in_silence() {
        for comment in [
            "",
            "looks good to me",
            "> bellwether register",
            "please run\nbellwether register",
            "\nbellwether register",
            "```\nbellwether register\n```",
            "```esm register\n```",
            "`esm` register",
            "@bellwether register",
            "bellwether: register",
            "/esm register",
            "esmeralda register",
        ] {
            assert_eq!(said(comment), "-", "{comment}");
        }
    }

    #[test]
    fn what_is_not_understood_names_the_nearest_command() {
        for (comment, answer) in [
            ("esm", "unclear: it says nothing to do"),
            ("esm regster", "unclear: there is no command `regster` (esm register?)"),
            ("esm prod registre", "unclear: there is no command `registre` (esm prod register?)"),
            ("esm prod", "unclear: there is no command `prod`"),
            ("esm is great", "unclear: there is no command `is`"),
            ("esm adopt com.example.A/log_monitor", "unclear: `adopt` is not offered yet"),
            ("esm <img> plan", "unclear: that is not the name of an environment"),
            ("esm @everyone", "unclear: there is no command of that name"),
            ("esm register now", "unclear: there is no option `now`"),
            (
                "esm register --allow-delete 3",
                "unclear: there is no option `--allow-delete`; did you mean `--allow-deletes`?",
            ),
            ("esm register --only", "unclear: `--only` needs a value"),
            (
                "esm register --only $(reboot)",
                "unclear: `--only` takes a pattern of addresses such as `com.example.*/*`",
            ),
            ("esm register --allow-deletes -1", "unclear: `--allow-deletes` takes a number"),
            ("esm register --reset-drift=yes", "unclear: `--reset-drift` takes no value"),
        ] {
            assert_eq!(said(comment), answer, "{comment}");
        }
        let long = format!("esm register {}", "x".repeat(600));
        assert_eq!(said(&long), "unclear: the line is longer than any command");
    }

    proptest! {
        #[test]
        fn no_comment_makes_it_panic_or_repeats_what_could_act(comment in "(esm|bellwether|`)?.{0,80}") {
            if let Said::Unclear(unclear) = parse(&comment, &words()) {
                for c in ['@', '<', '#', '\u{1b}', '\u{202e}', '['] {
                    prop_assert!(!unclear.reason.contains(c) && !unclear.meant.iter().any(|m| m.contains(c)));
                }
            }
        }

        #[test]
        fn what_is_made_of_a_command_s_words_is_never_lost(
            parts in prop::collection::vec("(prod|plan|register|apply|help|adopt|--only|--allow-deletes|--reset-drift|[0-9]{1,12}|[a-z./*]{1,9}|=)", 0..8)
        ) {
            let comment = format!("esm {}", parts.join(" "));
            prop_assert_ne!(parse(&comment, &words()), Said::Nothing);
        }
    }
}
