//! What is left out of a body that is too long, one rung after the other. Deletes, replaces and lost paging routes
//! are on all of them.

use super::difference::{self, Length};
use super::held::bounded;
use super::row::{Danger, HEAD};
use crate::plan::{Action, Change};

/// A row of the table.
pub struct Row<'p> {
    /// The equal changes that it tells of.
    pub changes: Vec<&'p Change>,
    /// How dangerous they are.
    pub danger: Danger,
    /// The Markdown.
    pub text: String,
    /// Whether a difference is folded below the table, and whether that is open.
    pub difference: Option<bool>,
}

impl Row<'_> {
    fn difference(&self, length: Length) -> Option<String> {
        self.difference.map(|open| difference::of(&self.changes, open, length))
    }

    fn is_create(&self) -> bool {
        self.changes.first().is_some_and(|change| change.action == Action::Create)
    }
}

/// The table and the differences, as much of them as fits.
pub struct Fitted {
    /// The table.
    pub table: String,
    /// The differences.
    pub differences: String,
    /// How many differences are left out.
    pub cut: usize,
    /// How many changes are in no row.
    pub without_row: usize,
}

/// As much as fits into `space` bytes; nothing if the rows that are never cut do not.
///
/// `rows` stand in order of danger. First differences are shortened, then those of creates are left out, then as many as
/// need be; then rows.
pub fn fit(rows: &[Row<'_>], space: usize) -> Option<Fitted> {
    let all = rows.iter().filter(|row| row.difference.is_some()).count();
    let table = table(rows.iter());
    if let Some(left) = space.checked_sub(table.len()) {
        let taken = |length, creates: bool| {
            let wanted = rows.iter().filter(|row| creates || !row.is_create());
            as_many_as_fit(wanted.filter_map(|row| row.difference(length)), left)
        };
        let (mut differences, mut shown) = taken(Length::Whole, true);
        if shown < all {
            (differences, shown) = taken(Length::Capped, true);
        }
        if shown < all {
            (differences, shown) = taken(Length::Capped, false);
        }
        return Some(Fitted { table, differences, cut: all - shown, without_row: 0 });
    }
    let (kept, others): (Vec<&Row<'_>>, Vec<&Row<'_>>) =
        rows.iter().partition(|row| row.danger.is_protected());
    let mut table = self::table(kept.iter().copied());
    let texts: Vec<String> = others.iter().map(|row| row.text.clone()).collect();
    let (more, missing) = bounded(&texts, space.checked_sub(table.len())?);
    if kept.is_empty() && !more.is_empty() {
        table.push_str(HEAD);
    }
    table.push_str(&more);
    let without_row = others[others.len() - missing..].iter().map(|row| row.changes.len()).sum();
    Some(Fitted { table, differences: String::new(), cut: all, without_row })
}

/// The first texts that fit into so many bytes, and how many they are. No more are made than that.
fn as_many_as_fit(texts: impl Iterator<Item = String>, space: usize) -> (String, usize) {
    let (mut all, mut taken) = (String::new(), 0);
    for text in texts {
        if all.len() + text.len() > space {
            break;
        }
        all.push_str(&text);
        taken += 1;
    }
    (all, taken)
}

fn table<'r>(rows: impl Iterator<Item = &'r Row<'r>>) -> String {
    let rows: String = rows.map(|row| &*row.text).collect();
    if rows.is_empty() { rows } else { format!("{HEAD}{rows}") }
}
