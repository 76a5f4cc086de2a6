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
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
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
}
