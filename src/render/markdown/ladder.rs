//! What is left out of a body that is too long, one rung after the other. Deletes, replaces and lost paging routes
//! are on all of them.

use super::difference::Difference;
use super::held::bounded;
use super::row::{Danger, HEAD};

/// A row of the table, with how dangerous its changes are and how many they are.
pub struct Row {
    /// How dangerous.
    pub danger: Danger,
    /// How many changes it tells of.
    pub changes: usize,
    /// The Markdown.
    pub text: String,
    /// What is folded below the table.
    pub difference: Option<Difference>,
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
/// `rows` stand in order of danger.
pub fn fit(rows: &[Row], space: usize) -> Option<Fitted> {
    let differences = || rows.iter().filter_map(|row| row.difference.as_ref());
    let table = table(rows.iter());
    if let Some(left) = space.checked_sub(table.len()) {
        let all = differences().count();
        let whole: usize = differences().map(|difference| difference.whole.len()).sum();
        if whole <= left {
            let differences = differences().map(|difference| &*difference.whole).collect();
            return Some(Fitted { table, differences, cut: 0, without_row: 0 });
        }
        let capped: usize = differences().map(|difference| difference.capped.len()).sum();
        let kept: Vec<String> = differences()
            .filter(|difference| capped <= left || !difference.is_create)
            .map(|difference| difference.capped.clone())
            .collect();
        let (differences, missing) = bounded(&kept, left);
        return Some(Fitted { table, differences, cut: all - (kept.len() - missing), without_row: 0 });
    }
    let (kept, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.danger.is_protected());
    let mut table = self::table(kept.iter().copied());
    let texts: Vec<String> = others.iter().map(|row| row.text.clone()).collect();
    let (more, missing) = bounded(&texts, space.checked_sub(table.len())?);
    if kept.is_empty() && !more.is_empty() {
        table.push_str(HEAD);
    }
    table.push_str(&more);
    let without_row = others[others.len() - missing..].iter().map(|row| row.changes).sum();
    Some(Fitted { table, differences: String::new(), cut: differences().count(), without_row })
}

fn table<'r>(rows: impl Iterator<Item = &'r Row>) -> String {
    let rows: String = rows.map(|row| &*row.text).collect();
    if rows.is_empty() { rows } else { format!("{HEAD}{rows}") }
}
