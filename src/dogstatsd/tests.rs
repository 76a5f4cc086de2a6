//! The protocol's facts, one test each, and that what is written is what is read.

use proptest::prelude::*;

use super::write::{AlertType, EventLine, Packets, Refused, Sample, tag_key, tag_value};
use super::*;

fn metric(line: &str) -> Metric<'_> {
    match parse(line.as_bytes()) {
        Ok(Line::Metric(metric)) => metric,
        other => panic!("{line}: {other:?}"),
    }
}

fn numbers(line: &str) -> Vec<f64> {
    metric(line).numbers().collect()
}

fn malformed(line: &[u8]) -> Malformed {
    parse(line).expect_err("a malformed line")
}

fn texts<'l>(tags: Tags<'l>) -> Vec<&'l str> {
    tags.texts().collect()
}

#[test]
fn every_type_is_read() {
    let kinds = [
        ("c", Kind::Count),
        ("g", Kind::Gauge),
        ("ms", Kind::Timer),
        ("h", Kind::Histogram),
        ("d", Kind::Distribution),
    ];
    for (token, kind) in kinds {
        let line = format!("a.b_C9:-1.5|{token}|#k:v,flag");
        let metric = metric(&line);
        assert_eq!((metric.name, metric.kind, metric.rate), ("a.b_C9", kind, 1.0));
        assert_eq!(numbers(&line), [-1.5]);
        assert_eq!(texts(metric.tags), ["k:v", "flag"]);
    }
    assert_eq!(metric("a:1|s").kind, Kind::Set);
}

#[test]
fn a_type_is_the_whole_token_so_that_ms_is_not_m_or_s() {
    assert_eq!(metric("a:1|ms").kind, Kind::Timer);
    for line in ["a:1|m", "a:1|mss", "a:1|gx", "a:1|", "a:1| c", "a:1||c"] {
        assert_eq!(malformed(line.as_bytes()), Malformed::UnknownType, "{line}");
    }
}

#[test]
fn values_are_packed_with_colons_and_share_rate_and_tags() {
    let packed = metric("a:1:2.5:-3e2:+4|d|@0.5|#k:v");
    assert_eq!(packed.numbers().collect::<Vec<_>>(), [1.0, 2.5, -300.0, 4.0]);
    assert_eq!((packed.rate, packed.weight()), (0.5, 2.0));
    assert_eq!(numbers("a:1::2:|c"), [1.0, 2.0], "empty ones are passed over");
    assert_eq!(malformed(b"a:::|c"), Malformed::NoValue);
}

#[test]
fn a_set_is_not_packed() {
    assert_eq!(metric("a:x:y:1|s|#k:v").values, Values::Member("x:y:1"));
    assert_eq!(numbers("a:1:2|s"), [0.0; 0]);
}

#[test]
fn infinite_values_are_dropped_one_by_one() {
    let line = "a:1:NaN:inf:-Infinity:1e999:2|g";
    assert_eq!(numbers(line), [1.0, 2.0]);
    assert!(matches!(metric(line).values, Values::Numbers(numbers) if numbers.not_finite() == 4));
    assert_eq!(numbers("a:nan|g"), [0.0; 0]);
}

#[test]
fn a_value_that_is_no_number_fails_the_line() {
    for line in ["a:x|c", "a:1:x|c", "a:1,5|c", "a: 1|c", "a:0x1|g", "a:1_0|c", "a:--1|c"] {
        assert_eq!(malformed(line.as_bytes()), Malformed::BadValue, "{line}");
    }
}

#[test]
fn whole_numbers_are_read_exactly() {
    assert_eq!(numbers("a:007:999999999999999:9007199254740993|c"), [7.0, 1e15 - 1.0, 9007199254740992.0]);
}

#[test]
fn what_is_missing_is_told() {
    for line in ["", "a", "a.b|c", "a:|c", "_e", "a|b:1|c"] {
        assert_eq!(malformed(line.as_bytes()), Malformed::NoValue, "{line}");
    }
    assert_eq!(malformed(b"a:1"), Malformed::NoType);
}

#[test]
fn a_name_is_any_printable_ascii_and_a_plain_one_is_told() {
    assert!(metric("a.b_9:1|c").has_plain_name());
    assert!(!metric("a-b/c d{e}:1|c").has_plain_name());
    for line in [":1|c", "\u{e9}:1|c", "a\tb:1|c", "a\u{7f}:1|c"] {
        assert_eq!(malformed(line.as_bytes()), Malformed::BadName, "{line}");
    }
}

#[test]
fn everything_is_utf_8() {
    assert_eq!(malformed(b"a:\xff|s"), Malformed::NotUtf8);
    assert_eq!(malformed(b"a:1|c|#k:\xc3"), Malformed::NotUtf8);
    assert_eq!(texts(metric("a:1|c|#k:\u{1f980}").tags), ["k:\u{1f980}"]);
}

#[test]
fn fields_come_in_any_order_and_unknown_ones_are_passed_over() {
    let id = "c:ci-0123abcd";
    let external = "e:it-false,cn-redis,pu-810fe89d";
    let fields = ["@0.25", "#k:v", id, "T1656581400", external, "card:low", "zz:1", "q"];
    for turn in 0..fields.len() {
        let mut fields = fields;
        fields.rotate_left(turn);
        let line = format!("a:1|c|{}", fields.join("|"));
        let metric = metric(&line);
        assert_eq!((metric.rate, metric.timestamp), (0.25, Some(1_656_581_400)), "{line}");
        assert_eq!(metric.container, Some("ci-0123abcd"));
        assert_eq!(metric.external, Some("it-false,cn-redis,pu-810fe89d"));
        assert_eq!(metric.cardinality, Some(Cardinality::Low));
        assert_eq!(texts(metric.tags), ["k:v"]);
    }
}

#[test]
fn an_empty_field_ends_the_line() {
    let metric = metric("a:1|c|@0.5||#k:v|c:x");
    assert_eq!((metric.rate, metric.container), (0.5, None));
    assert_eq!(metric.tags, Tags::default());
}

#[test]
fn containers_are_read_in_every_form() {
    for id in ["ci-abc", "in-4026531835", "abc"] {
        assert_eq!(metric(&format!("a:1|c|c:{id}")).container, Some(id));
    }
}

#[test]
fn cardinality_is_a_word_or_nothing() {
    let read = |word: &str| metric(&format!("a:1|c|card:{word}")).cardinality;
    assert_eq!(read("none"), Some(Cardinality::None));
    assert_eq!(read("ORCHESTRATOR"), Some(Cardinality::Orchestrator));
    assert_eq!(read("high"), Some(Cardinality::High));
    assert_eq!(read("most"), None);
    let tagged = metric("a:1|c|#dd.internal.card:high");
    assert_eq!((tagged.cardinality, tagged.wanted_cardinality()), (None, Some(Cardinality::High)));
    let both = metric("a:1|c|#dd.internal.card:high|card:none");
    assert_eq!(both.wanted_cardinality(), Some(Cardinality::None));
}

#[test]
fn rates_are_from_0_to_1_and_the_lowest_are_raised() {
    assert_eq!(metric("a:1|c|@1").weight(), 1.0);
    assert_eq!(metric("a:1|c|@0.1").weight(), 10.0);
    assert_eq!(metric("a:1|c|@0").weight(), 260_000_000.0);
    for rate in ["1.1", "-0.1", "NaN", "inf", "", "x"] {
        assert_eq!(malformed(format!("a:1|c|@{rate}").as_bytes()), Malformed::BadRate, "{rate}");
    }
}

#[test]
fn a_rate_scales_what_is_counted_and_nothing_else() {
    for (kind, weight) in [("c", 2.0), ("ms", 2.0), ("h", 2.0), ("d", 2.0), ("g", 1.0), ("s", 1.0)] {
        assert_eq!(metric(&format!("a:1|{kind}|@0.5")).weight(), weight, "{kind}");
    }
}

#[test]
fn a_count_with_a_timestamp_ignores_its_rate() {
    assert_eq!(metric("a:1|c|@0.5|T1656581400").weight(), 1.0);
    assert_eq!(metric("a:1|c|T1656581400|@0.5").weight(), 1.0);
    assert_eq!(metric("a:1|h|T1656581400|@0.5").weight(), 2.0);
}

#[test]
fn timestamps_are_positive_and_of_counts_and_gauges() {
    assert_eq!(metric("a:1|g|T1").timestamp, Some(1));
    assert_eq!(metric("a:1|d|T1").timestamp, None);
    for text in ["0", "-1", "+1", "", "1.5", "x", "99999999999999999999"] {
        assert_eq!(malformed(format!("a:1|c|T{text}").as_bytes()), Malformed::BadTimestamp, "{text}");
    }
}

#[test]
fn some_tags_leave_the_list() {
    let tags = |list: &'static str| {
        let Ok(Line::Metric(metric)) = parse(list.as_bytes()) else { panic!("{list}") };
        metric.tags
    };
    let all = tags("a:1|c|#a:b,host:x,dd.internal.entity_id:none,dd.internal.card:low,,flag,host,c:d:e");
    let keys: Vec<_> = all.plain().map(|tag| (tag.key, tag.value)).collect();
    assert_eq!(keys, [("a", Some("b")), ("flag", None), ("host", None), ("c", Some("d:e"))]);
    assert_eq!((all.host(), all.refuse_origin()), (Some("x"), true));
    assert_eq!(tags("a:1|c|#host:").host(), Some(""), "cleared");
    assert_eq!(tags("a:1|c|#a:b").host(), None);
    assert!(!tags("a:1|c|#dd.internal.entity_id:pod").refuse_origin());
    assert_eq!((all.get("c"), all.get("fla"), all.get("flag")), (Some("d:e"), None, None));
}

#[test]
fn events_are_framed_by_lengths_in_bytes() {
    let line = "_e{4,10}:a|\u{e9}|b|c\\nd\u{1f980}|d:1|h:x|#k:v,l|zz";
    let Ok(Line::Event(event)) = parse(line.as_bytes()) else { panic!("{line}") };
    assert_eq!((event.title, event.text), ("a|\u{e9}", "b|c\\nd\u{1f980}"));
    assert_eq!(event.fields.iter().collect::<Vec<_>>(), ["d:1", "h:x", "#k:v,l", "zz"]);
    assert_eq!(texts(event.tags()), ["k:v", "l"]);
    for line in [
        "_e{",
        "_e{1,1}",
        "_e{1,1}:",
        "_e{1,1}:a",
        "_e{1,1}:a|",
        "_e{1,1}:ab|c",
        "_e{1,1}:a|bc",
        "_e{0,1}:|a",
        "_e{1,0}:a|",
        "_e{1}:a|b",
        "_e{+1,1}:a|b",
        "_e{-1,1}:a|b",
        "_e{1,1}:\u{e9}|b",
        "_e{2,1}:a|b",
        "_e{99999999999999999999,1}:a|b",
    ] {
        assert_eq!(malformed(line.as_bytes()), Malformed::BadEvent, "{line}");
    }
}

#[test]
fn service_checks_keep_their_message_apart() {
    let line = "_sc|Redis connection|2|d:1|h:x|#k:v|m:timed out m\\: 10s\\n|c:ci-1|e:it-0";
    let Ok(Line::ServiceCheck(check)) = parse(line.as_bytes()) else { panic!("{line}") };
    assert_eq!((check.name, check.status), ("Redis connection", 2));
    assert_eq!(check.message(), Some("timed out m\\: 10s\\n"));
    assert_eq!(texts(check.tags()), ["k:v"]);
    assert_eq!(check.fields.iter().last(), Some("e:it-0"));
    for line in ["_sc|", "_sc|a", "_sc|a|", "_sc|a|4", "_sc|a|-1", "_sc||1", "_sc|a|01"] {
        assert_eq!(malformed(line.as_bytes()), Malformed::BadServiceCheck, "{line}");
    }
}

#[test]
fn lines_are_split_at_line_breaks_and_empty_ones_left_out() {
    let all = |payload: &'static [u8]| lines(payload).collect::<Vec<_>>();
    assert_eq!(all(b"a:1|c\n\nb:2|c\n"), [b"a:1|c", b"b:2|c"]);
    assert_eq!(all(b"\n\n"), [b"" as &[u8]; 0]);
    assert_eq!(all(b"a:1|c"), [b"a:1|c"]);
    assert_eq!(metric("a:1|c\r").kind, Kind::Count, "as other systems end lines");
}

#[test]
fn values_are_written_without_exponent_or_idle_fraction() {
    let line = |value| Sample::gauge("a", value).map(|sample| sample.line());
    assert_eq!(line(3.0).as_deref(), Ok("a:3|g"));
    assert_eq!(line(-0.0).as_deref(), Ok("a:0|g"));
    assert_eq!(line(0.1).as_deref(), Ok("a:0.1|g"));
    assert_eq!(line(1e21).as_deref(), Ok("a:1000000000000000000000|g"));
    assert_eq!(line(1e-7).as_deref(), Ok("a:0.0000001|g"));
    assert_eq!(line(f64::NAN), Err(Refused::NotFinite));
    assert_eq!(line(f64::INFINITY), Err(Refused::NotFinite));
    for name in ["", "a b", "a:b", "a|b", "a\nb", "\u{e9}"] {
        assert_eq!(Sample::count(name, 1.0).err(), Some(Refused::BadName), "{name}");
    }
}

#[test]
fn every_field_of_a_sample_has_its_place() {
    let sample = Sample::count("a.b", 2.0).unwrap().tag("id", "11092").without_host().at(7).without_origin();
    assert_eq!(sample.line(), "a.b:2|c|#id:11092,host:|T7|card:none");
}

#[test]
fn tags_cannot_break_out() {
    assert_eq!(tag_value("a|b,c\nd\re\u{0}f\u{85}g:h#i"), "a_b_c_d_e_f_g:h#i");
    assert_eq!(tag_key("a:b|c"), "a_b_c");
    for id in ["11092", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "\u{1f980} x"] {
        assert!(matches!(tag_value(id), std::borrow::Cow::Borrowed(same) if same == id));
    }
    let line = Sample::gauge("a", 1.0).unwrap().tag("id", "x|c|#host:evil\nb:1|c").line();
    assert_eq!(line, "a:1|g|#id:x_c_#host:evil_b:1_c");
    assert_eq!(texts(metric(&line).tags), ["id:x_c_#host:evil_b:1_c"]);
}

#[test]
fn events_are_written_with_their_lengths_after_escaping() {
    let event = EventLine::new("\u{e9}|t", "a\r\nb\u{7}").unwrap();
    let event = event.at(7).aggregation_key("k|1").low_priority().source("s").alert_type(AlertType::Warning);
    let line = event.tag("id", "1").without_host().without_origin().line();
    assert_eq!(line, "_e{4,5}:\u{e9}|t|a\\nb_|d:7|k:k_1|p:low|s:s|t:warning|#id:1,host:|card:none");
    assert_eq!(EventLine::new("", "x").err(), Some(Refused::EmptyEvent));
}

#[test]
fn events_are_cut_to_what_datadog_takes() {
    let (title, text) = ("\u{1f980}".repeat(101), "\n".repeat(4_001));
    let event = EventLine::new(&title, &text).unwrap();
    assert!(event.was_cut());
    assert!(event.line().starts_with("_e{400,8000}:"));
    assert!(!EventLine::new(&title[..400], "x").unwrap().was_cut());
}

#[test]
fn payloads_are_filled_to_the_byte() {
    let mut packets = Packets::new(11);
    for line in ["a:1|c", "b:2|c", "c:3|c"] {
        packets.push(line.as_bytes()).unwrap();
    }
    assert_eq!(packets.push(&[b'x'; 12]), Err(Refused::TooLong { length: 12, max: 11 }));
    assert_eq!(packets.push(b"a\nb"), Err(Refused::NotALine));
    assert_eq!(packets.finish(), [b"a:1|c\nb:2|c".to_vec(), b"c:3|c".to_vec()]);
}

fn plain_name() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(b"azAZ09_.".to_vec()), 1..30)
        .prop_map(|bytes| String::from_utf8(bytes).expect("ASCII"))
}

/// Bytes that look like lines, so that more than the first check is reached.
fn nearly_a_line() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"a",
        b":",
        b"|",
        b"1",
        b"c",
        b"ms",
        b"s",
        b"#",
        b",",
        b"@",
        b"T",
        b"_e{",
        b"_sc|",
        b"}:",
        b"1,1",
        b"\xff",
        b"\xc3\xa9",
        b"card:",
        b"c:",
        b"e:",
        b"-",
        b".",
        b"9999999999999999999999",
        b"\r",
        b"host:",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

fn exercise(line: &[u8]) {
    match parse(line) {
        Ok(Line::Metric(metric)) => {
            assert!(metric.numbers().all(f64::is_finite));
            assert!(metric.weight() >= 1.0);
            let _ = (metric.tags.iter().count(), metric.tags.host(), metric.wanted_cardinality());
        }
        Ok(Line::Event(event)) => {
            let _ = (event.tags().iter().count(), event.fields.iter().count());
        }
        Ok(Line::ServiceCheck(check)) => assert!(check.status <= 3 && !check.name.is_empty()),
        Err(cause) => assert!(!cause.to_string().is_empty()),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        exercise(&bytes);
        lines(&bytes).for_each(exercise);
    }

    #[test]
    fn nothing_that_looks_like_a_line_makes_it_panic(bytes in nearly_a_line()) {
        exercise(&bytes);
    }

    #[test]
    fn what_a_sample_writes_is_read_equal(
        name in plain_name(),
        bits in any::<u64>(),
        tags in proptest::collection::vec((any::<String>(), any::<String>()), 0..4),
        timestamp in proptest::option::of(1_u64..),
        without_origin in any::<bool>(),
    ) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let mut sample = Sample::gauge(&name, value).expect("a good name");
        for (key, text) in &tags {
            sample = sample.tag(key, text);
        }
        if let Some(seconds) = timestamp {
            sample = sample.at(seconds);
        }
        if without_origin {
            sample = sample.without_origin();
        }
        let line = sample.line();
        let read = metric(&line);
        prop_assert_eq!((read.name, read.kind, read.timestamp), (name.as_str(), Kind::Gauge, timestamp));
        prop_assert_eq!(read.numbers().collect::<Vec<_>>(), [value]);
        prop_assert_eq!(read.cardinality, without_origin.then_some(Cardinality::None));
        let written: Vec<String> =
            tags.iter().map(|(key, value)| format!("{}:{}", tag_key(key), tag_value(value))).collect();
        prop_assert_eq!(texts(read.tags), written);
    }

    #[test]
    fn what_an_event_writes_is_read_equal(title in any::<String>(), text in any::<String>(), tag in any::<String>()) {
        prop_assume!(!title.is_empty() && !text.is_empty());
        let line = EventLine::new(&title, &text).expect("not empty").tag("id", &tag).at(7).line();
        prop_assert!(!line.contains('\n'));
        let Ok(Line::Event(event)) = parse(line.as_bytes()) else { panic!("{line}") };
        if !title.contains(char::is_control) {
            prop_assert_eq!(event.title, title);
        }
        if !text.contains(char::is_control) {
            prop_assert_eq!(event.text, text);
        }
        let written = format!("id:{}", tag_value(&tag));
        prop_assert_eq!(texts(event.tags()), [written.as_str()]);
    }

    #[test]
    fn payloads_keep_every_line_and_their_budget(lengths in proptest::collection::vec(1_usize..60, 0..40), max in 20_usize..80) {
        let mut packets = Packets::new(max);
        let mut kept = Vec::new();
        for (turn, length) in lengths.into_iter().enumerate() {
            let line = vec![b'a' + (turn % 26) as u8; length];
            if packets.push(&line).is_ok() {
                kept.push(line);
            } else {
                prop_assert!(length > max);
            }
        }
        let payloads = packets.finish();
        prop_assert!(payloads.iter().all(|payload| payload.len() <= max));
        let read: Vec<Vec<u8>> = payloads.iter().flat_map(|payload| lines(payload)).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(read, kept);
    }
}
