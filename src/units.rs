//! Numbers, durations and plain values, in the one notation that catalog files, queries and messages share.

use serde_json::{Number, Value as Json};

/// A JSON value as people write it: texts without quotes.
pub fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A finite number as JSON, whole numbers without a fraction.
pub fn number_value(number: f64) -> Option<Json> {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Some((number as i64).into())
    } else {
        Number::from_f64(number).map(Json::Number)
    }
}

/// The seconds of a duration such as `15m`.
pub fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = plain.then(|| digits.parse().ok()).flatten()?;
    (number > 0).then(|| number.checked_mul(factor)).flatten()
}

/// Seconds as a duration in the largest unit that divides them.
pub fn duration_text(seconds: u64) -> String {
    let units = [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm')];
    match units.into_iter().find(|(factor, _)| seconds >= *factor && seconds.is_multiple_of(*factor)) {
        Some((factor, unit)) => format!("{}{unit}", seconds / factor),
        None => format!("{seconds}s"),
    }
}

/// Seconds as Datadog writes the window of an evaluation: one day, one week, otherwise hours or minutes.
pub fn window_text(seconds: u64) -> String {
    match seconds {
        604_800 => "1w".to_owned(),
        86_400 => "1d".to_owned(),
        seconds if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        seconds => format!("{}m", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("1w"), Some(604_800));
        for wrong in ["", "m", "0m", "-1m", "1.5h", "15", "15 m", "1y", "99999999999999999999w", "15µ"] {
            assert_eq!(seconds(wrong), None, "{wrong:?}");
        }
        assert_eq!(duration_text(900), "15m");
        assert_eq!(duration_text(90), "90s");
    }
}
