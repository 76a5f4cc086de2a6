//! "Did you mean": the known name closest to a mistyped one.

/// The candidate that `name` is most likely a misspelling of.
///
/// Short names must be closer than long ones: `@tag` is not taken for `@log`.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match name.chars().count() {
        0..=3 => 0,
        4..=6 => 1,
        7..=12 => 2,
        _ => 3,
    };
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(name);
    let length = wanted.chars().count();
    // The distance is at least the difference in length, and takes the product of both lengths to find out.
    candidates
        .into_iter()
        .map(|candidate| (plain(candidate), candidate))
        .filter(|(plain, _)| plain.chars().count().abs_diff(length) <= allowed)
        .map(|(plain, candidate)| (strsim::damerau_levenshtein(&wanted, &plain), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *candidate != name)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn misspellings_find_the_name_that_was_meant() {
        let known = ["traffic_anomaly_monitor", "log_monitor", "owner"];
        assert_eq!(closest("trafic_anomaly_monitor", known), Some("traffic_anomaly_monitor"));
        assert_eq!(closest("Log-Monitor", known), Some("log_monitor"));
        assert_eq!(closest("owners", known), Some("owner"));
        assert_eq!(
            closest("n.CartEvent/log_monitr", ["n.CartEvent/log_monitor"]),
            Some("n.CartEvent/log_monitor")
        );
        assert_eq!(closest("java_class", known), None);
        assert_eq!(closest("log", known), None);
    }

    #[test]
    fn a_name_of_any_length_is_compared_with_those_of_about_its_length_only() {
        let long = "a".repeat(100_000);
        let longer = format!("{long}bbbb");
        assert_eq!(closest(&long, [longer.as_str(), "owner"]), None);
    }
}
