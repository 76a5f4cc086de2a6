//! What the GitHub Actions runner is told: annotations as workflow commands, within its limits.

use super::annotations::{Annotation, Level};
use super::count;
use crate::text::{clean, clean_line, shortened};

/// The runner shows ten annotations of a type for each step; the last one says how many there are besides.
const MOST: usize = 9;

/// It cuts messages at 4,096 characters.
const MOST_MESSAGE: usize = 4_000;
const MOST_TITLE: usize = 200;

/// The workflow commands, one a line: errors first, of each type at most nine and one that counts the others.
pub fn commands(annotations: &[Annotation]) -> String {
    let mut text = String::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let of_level: Vec<&Annotation> = annotations.iter().filter(|one| one.level == level).collect();
        for annotation in of_level.iter().take(MOST) {
            text.push_str(&command(annotation));
        }
        if let Some(more) = of_level.len().checked_sub(MOST).filter(|more| *more > 0) {
            let counted = count(more, level.word());
            text.push_str(&format!("::{}::and {counted} more, see the log\n", level.word()));
        }
    }
    text
}

fn command(annotation: &Annotation) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &annotation.place {
        properties.push(format!("file={}", property(&clean_line(&place.file))));
        properties.push(format!("line={}", place.line));
        properties.push(format!("endLine={}", place.end_line));
        if let Some((column, end)) = place.columns {
            properties.push(format!("col={column}"));
            properties.push(format!("endColumn={end}"));
        }
    }
    properties.push(format!("title={}", property(&shortened(&clean_line(&annotation.title), MOST_TITLE))));
    // The old form of a command acts anywhere in a line.
    let message = clean(&annotation.message).replace("##[", "## [");
    format!(
        "::{} {}::{}\n",
        annotation.level.word(),
        properties.join(","),
        data(&shortened(&message, MOST_MESSAGE))
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&text.replace("##[", "## [")).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::annotations::{Place, error};
    use super::*;

    #[test]
    fn nothing_in_a_property_or_a_message_ends_it() {
        let place = Place { file: "a,b::c.avdl".into(), line: 1, end_line: 2, columns: None };
        let title = "50%: x,\ny".to_owned();
        let message = "one\n::error::two\r##[set-env]".to_owned();
        let text = commands(&[Annotation { level: Level::Warning, place: Some(place), title, message }]);
        assert_eq!(
            text,
            "::warning file=a%2Cb%3A%3Ac.avdl,line=1,endLine=2,title=50%25%3A x%2C⏎y::one%0A::error::two\\u{d}## [set-env]\n"
        );
    }

    #[test]
    fn the_runner_gets_ten_of_a_type_at_most() {
        let one = |level, n: usize| Annotation { level, ..error(&format!("number {n}")) };
        let mut all: Vec<Annotation> = (0..36).map(|n| one(Level::Notice, n)).collect();
        all.extend((0..9).map(|n| one(Level::Error, n)));
        let text = commands(&all);
        assert_eq!(text.matches("::error ").count(), 9);
        assert_eq!(text.matches("::notice ").count(), 9);
        assert!(text.ends_with("::notice::and 27 notices more, see the log\n"), "{text}");
        let long = commands(&[error(&"x".repeat(5_000))]);
        assert!(long.chars().count() < 4_096, "{}", long.len());
    }
}
