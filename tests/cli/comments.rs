//! Comments for GitHub, made of any plan: within the limit, nothing dangerous left out, and nothing in them acts.

use bellwether::compile::ResourceKind;
use bellwether::diag::{Code, Diagnostic, Sources, Span};
use bellwether::diff::ChangedBy;
use bellwether::model::{Address, MonitorId};
use bellwether::plan::{
    Action, ApiCalls, Blocked, BudgetLine, Change, Drift, FORMAT_VERSION, FieldChange, Outcome, Plan,
    PlanDiagnostic, Report, SourceReference, Summary,
};
use bellwether::render::markdown::{self, Comment, Context, LIMIT};
use bellwether::render::{annotations, github, sarif};
use bellwether::text::{clean_line, without_commands};
use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

/// Texts that try to act: as a mention, a link, markup, the end of a fence, a command, a terminal's escape.
const HOSTILE: &[&str] = &[
    "@octocat please look, @org/team",
    "fixes #12, GH-12 and octo/repo#3",
    "see https://evil.example and www.evil.example or mail jane@example.com",
    "```\n@octocat\n```` \n~~~",
    "`a` ``b`` ` @octocat",
    "</details></summary><details open><img src=x onerror=alert(1)>@octocat",
    "<!-- bellwether:1 {} --> --> <!--",
    "a | b \\| c || @octocat",
    "::error file=a::pwned\n  ::add-mask::x\r::set-env name=a::b",
    "##[set-env name=a]b ##[error]",
    "\u{202e}\u{1b}[31mred\u{7}\u{200b}@octocat",
    "**bold** _em_ [x](https://evil.example) ![i](https://evil.example/i.png) # h1\n# h1\n> [!NOTE]\n- [ ] x",
    "- a\n+ b\n@@ c @@\n! d",
    "$`x`$ $$x$$ :tada: &commat;octocat &#64;octocat",
    "",
    " ",
    "`",
    "\\",
    "a\\",
];

fn source() -> Option<SourceReference> {
    Some(SourceReference { file: "schemas/a.avdl".to_owned(), line: 3, column: 5 })
}

fn field(path: &str, before: &str, after: &str) -> FieldChange {
    FieldChange {
        path: path.to_owned(),
        before: json!(before),
        after: json!(after),
        changed_by: ChangedBy::Schema,
        base: None,
        causes: Vec::new(),
    }
}

/// A change whose every text is `text`.
fn change(number: usize, action: Action, text: &str, id: &str) -> Change {
    let subject = format!("com.example.shop.Event{number:04}");
    let document = json!({"name": text, "query": text, "message": format!("{text} {number}")});
    let (before, after) = (document.as_object().unwrap().clone(), document.as_object().unwrap().clone());
    Change {
        address: Address::new(&subject, "traffic_threshold_monitor", (!id.is_empty()).then_some(id)),
        kind: ResourceKind::Monitor,
        action,
        id: (action != Action::Create).then_some(MonitorId(number as u64 + 1)),
        from: (action == Action::Rename).then(|| Address::new(text, "kind", None)),
        recreates: None,
        source: source(),
        fields: match action {
            Action::Create | Action::Delete => vec![],
            _ => vec![
                field("message", text, &format!("{text}\n{number}\n@new")),
                field(&format!("options.{text}"), text, "b"),
            ],
        },
        effect: match action {
            Action::Delete => {
                vec!["COVERAGE LOST: the event has no other monitor".to_owned(), format!("state {text}")]
            }
            Action::Create => vec!["new coverage".to_owned()],
            _ if number.is_multiple_of(3) => vec![format!("no longer pages @slack-x {text}")],
            _ => vec![format!("now pages {text}")],
        },
        before,
        after,
        depends_on: vec![],
        parameters: Default::default(),
    }
}

fn plan(changes: Vec<Change>) -> Plan {
    let mut plan = Plan {
        format_version: FORMAT_VERSION,
        environment: "prod".to_owned(),
        organisation: None,
        digest: String::new(),
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        only: None,
        against: None,
        summary: Summary::default(),
        api_calls: ApiCalls::default(),
        budget: BudgetLine { custom_metrics: 63, limit: 500, delta: 12, monthly_cost: 3.15 },
        changes,
        deferred: vec![],
        drift: vec![],
        blocked: vec![],
        diagnostics: vec![],
    };
    plan.count();
    plan
}

/// A plan whose every text is one of the hostile ones.
fn hostile(texts: &[&str], actions: &[Action]) -> Plan {
    let text = |at: usize| texts[at % texts.len()];
    let changes = actions.iter().enumerate().map(|(at, action)| change(at, *action, text(at), text(at + 1)));
    let mut plan = plan(changes.collect());
    plan.environment = text(0).to_owned();
    plan.only = Some(text(1).to_owned());
    plan.deferred = vec![change(1, Action::Create, text(2), text(3))];
    plan.drift = vec![Drift {
        address: Address::new(text(1), "kind", Some(text(2))),
        kind: ResourceKind::Monitor,
        id: Some(MonitorId(7)),
        source: Some(SourceReference { file: text(3).to_owned(), line: 1, column: 1 }),
        fields: vec![field(&format!("options.{}", text(1)), text(2), text(3))],
        effect: vec![text(2).to_owned()],
        modified: Some(text(1).to_owned()),
    }];
    plan.blocked = vec![Blocked {
        guard: text(1).to_owned(),
        address: Some(Address::new(text(2), "kind", None)),
        message: text(3).to_owned(),
        help: text(2).to_owned(),
    }];
    plan.diagnostics = vec![PlanDiagnostic {
        code: text(1).to_owned(),
        severity: "warning".to_owned(),
        message: text(2).to_owned(),
        source: Some(SourceReference { file: text(3).to_owned(), line: 1, column: 1 }),
        help: vec![text(1).to_owned()],
    }];
    plan
}

fn context() -> Context {
    Context {
        compared_with: Some("datadoghq.com @octocat".to_owned()),
        head: Some("4f2c9ab".to_owned()),
        base: Some("b81e4d0".to_owned()),
        full_plan: Some("https://github.com/o/r/actions/runs/1".to_owned()),
        monitor_pages: Some(markdown::monitor_pages("datadoghq.com")),
        managed: Some(212),
        delete_limit: Some("10%".to_owned()),
        accepted: 3,
        ..Context::default()
    }
}

/// Reads a body as GitHub does and looks for everything that would act.
fn is_harmless(body: &str) {
    for line in body.split(['\n', '\r']) {
        assert!(!line.trim().starts_with("::") && !line.contains("##["), "a command: {line}");
    }
    assert!(!body.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "a control character");
    let mut options = Options::default();
    let extension = &mut options.extension;
    (extension.table, extension.autolink, extension.strikethrough) = (true, true, true);
    (extension.tasklist, extension.alerts, extension.footnotes) = (true, true, true);
    (extension.math_dollars, extension.math_code) = (true, true);
    let arena = Arena::new();
    let mut html = String::new();
    for node in parse_document(&arena, body, &options).descendants() {
        look_at(node, &mut html);
    }
    tags_are_balanced(&html);
}

fn look_at<'a>(node: &'a AstNode<'a>, html: &mut String) {
    let data = node.data();
    match &data.value {
        NodeValue::Text(text) => acts_not(text),
        NodeValue::HtmlBlock(block) => {
            html.push_str(&block.literal);
            // What stands in <code> is code for GitHub too.
            let outside = block.literal.split("<code>").map(|part| part.rsplit("</code>").next().unwrap());
            outside.for_each(acts_not);
        }
        NodeValue::HtmlInline(tag) => html.push_str(tag),
        NodeValue::Link(link) => {
            let known = ["https://app.datadoghq.com/monitors/", "https://github.com/o/r/actions/runs/1"];
            assert!(known.iter().any(|start| link.url.starts_with(start)), "a link to {}", link.url);
        }
        NodeValue::Heading(heading) => assert_eq!(heading.level, 3, "a heading of the text's own"),
        NodeValue::Document
        | NodeValue::BlockQuote
        | NodeValue::List(_)
        | NodeValue::Item(_)
        | NodeValue::CodeBlock(_)
        | NodeValue::Paragraph
        | NodeValue::Table(_)
        | NodeValue::TableRow(_)
        | NodeValue::TableCell
        | NodeValue::SoftBreak
        | NodeValue::LineBreak
        | NodeValue::Code(_)
        | NodeValue::Strong
        | NodeValue::Alert(_) => {}
        other => panic!("markup of the text's own: {other:?}"),
    }
}

fn acts_not(text: &str) {
    for sign in ["@", "www.", "://", "GH-"] {
        assert!(!text.contains(sign), "`{sign}` outside code: {text}");
    }
    let number = text.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    assert!(!number, "a number of an issue outside code: {text}");
}

fn tags_are_balanced(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        assert!(["details", "summary", "code", "b", "sub"].contains(&name), "<{tag}> is not ours");
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{html}"),
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} left open");
}

/// Whether each change that must be seen is named, or all of it is refused.
fn names_what_is_lost(plan: &Plan, comment: &Comment) {
    if comment.body.contains("too large to be shown") {
        return;
    }
    for change in &plan.changes {
        let lost = change.effect.iter().any(|effect| effect.contains("no longer pages"));
        if lost || matches!(change.action, Action::Delete | Action::Replace) {
            let name = without_commands(&clean_line(change.address.as_str())).into_owned();
            let in_table = name.replace("\\|", "\\u{7c}").replace('|', "\\|");
            assert!(comment.body.contains(&name) || comment.body.contains(&in_table), "{name} is not named");
        }
    }
}

#[test]
fn no_hostile_text_acts_in_any_body() {
    let actions =
        [Action::Create, Action::Update, Action::Rename, Action::Adopt, Action::Replace, Action::Delete];
    for at in 0..HOSTILE.len() {
        let texts: Vec<&str> = HOSTILE.iter().cycle().skip(at).take(HOSTILE.len()).copied().collect();
        let plan = hostile(&texts, &actions);
        for names_only in [false, true] {
            let context = Context { names_only, ..context() };
            let comment = markdown::plan(&plan, &context);
            is_harmless(&comment.body);
            names_what_is_lost(&plan, &comment);
            is_harmless(&markdown::drift(&plan, 2, &context).body);
            let fail = |text: &str| Outcome::Failed { message: text.to_owned(), unknown: false };
            let report = Report {
                steps: plan
                    .changes
                    .iter()
                    .map(|change| (change.address.clone(), change.action, fail(texts[2]), Duration::ZERO))
                    .collect(),
                interrupted: false,
                unrecorded: None,
            };
            let applied = markdown::applied(texts[0], &report, Some(Err(texts[1])), Duration::ZERO, &context);
            is_harmless(&applied.body);
            is_harmless(&markdown::failure(texts[0], &context).body);
        }
        let commands = github::commands(&annotations::of_plan(&plan, texts[4], false));
        for line in commands.split(['\n', '\r']).filter(|line| !line.is_empty()) {
            let is_ours = ["::error ", "::warning ", "::notice "].iter().any(|start| line.starts_with(start));
            assert!(is_ours && !line.contains("##["), "{line}");
        }
    }
}

#[test]
fn names_only_shows_no_live_text() {
    let mut plan =
        hostile(&["LIVE SECRET"], &[Action::Update, Action::Delete, Action::Adopt, Action::Replace]);
    plan.environment = "prod".to_owned();
    plan.only = None;
    for change in &mut plan.changes {
        change.address = Address::new("n.R", "kind", None);
        change.fields = vec![field("query", "LIVE SECRET", "LIVE SECRET 2")];
    }
    plan.drift[0].address = Address::new("n.R", "kind", None);
    plan.drift[0].fields[0].path = "query".to_owned();
    plan.deferred.clear();
    plan.blocked[0] = Blocked { guard: "referenced".into(), address: None, ..plan.blocked[0].clone() };
    plan.diagnostics[0].source = None;
    plan.diagnostics[0].code = "BW0409".to_owned();
    let comment = markdown::plan(&plan, &Context { names_only: true, ..context() });
    assert!(!comment.body.contains("SECRET"), "{}", comment.body);
    assert!(markdown::plan(&plan, &context()).body.contains("SECRET"));
}

/// `total` changes of all kinds, each `nth` of them a delete.
fn many(total: usize, nth: usize) -> Plan {
    let text = "sum(last_5m):sum:events.received{event:x}.as_count() < 500\n@slack-a\n".repeat(3);
    let changes = (0..total).map(|number| {
        let action = match number % nth {
            0 => Action::Delete,
            1 => Action::Create,
            _ => Action::Update,
        };
        let mut change = change(number, action, &text, "");
        if action == Action::Update {
            change.effect = vec!["alerting is unchanged".to_owned()];
        }
        change
    });
    plan(changes.collect())
}

#[test]
fn a_plan_of_any_size_fits_with_every_delete_named() {
    for (total, nth) in [(1, 2), (40, 5), (300, 7), (3_000, 10), (3_000, 4), (5_000, 6), (5_000, 1)] {
        let plan = many(total, nth);
        let comment = markdown::plan(&plan, &context());
        assert!(comment.body.len() <= LIMIT, "{total}: {} bytes", comment.body.len());
        names_what_is_lost(&plan, &comment);
        is_harmless(&comment.body);
        let deletes = plan.summary.delete;
        let is_refused = comment.body.contains("too large to be shown");
        assert_eq!(is_refused, deletes > 1_000, "{total} changes, {deletes} deletes");
        if is_refused {
            assert!(comment.body.contains(&format!("{deletes} deletes")), "{}", comment.body);
        } else if comment.cut > 0 {
            let diffs =
                if comment.cut == 1 { "1 diff is".to_owned() } else { format!("{} diffs are", comment.cut) };
            assert!(comment.body.contains(&format!("{diffs} only in")), "{total}: {}", comment.cut);
        }
        if total == 3_000 {
            let large = markdown::plan(&plan, &Context { limit: Some(1 << 20), ..context() });
            assert!(large.body.len() <= 1 << 20 && large.cut < comment.cut);
        }
    }
}

#[test]
fn guards_are_named_however_many_there_are() {
    let mut plan = many(600, 10);
    let guard = |n| Blocked {
        guard: "conflict".to_owned(),
        address: Some(Address::new(&format!("n.R{n}"), "kind", None)),
        message: "x ".repeat(300),
        help: "help".to_owned(),
    };
    plan.blocked = (0..500).map(guard).collect();
    let comment = markdown::plan(&plan, &context());
    assert!(comment.body.len() <= LIMIT);
    for n in 0..500 {
        assert!(comment.body.contains(&format!("`n.R{n}/kind`")), "guard {n}");
    }
    names_what_is_lost(&plan, &comment);
}

#[test]
fn equal_changes_are_one_row() {
    let equal = |n| Change {
        fields: vec![field("options.renotify_interval", "60", "30")],
        effect: vec!["repeats every 30 min instead of 60".to_owned()],
        ..change(n, Action::Update, "x", "")
    };
    let comment = markdown::plan(&plan((1..39).map(equal).collect()), &Context::default());
    assert!(comment.body.contains("| **38 monitors**: `com.example.shop.Event0001/"), "{}", comment.body);
    assert_eq!(comment.body.lines().filter(|line| line.starts_with("| ")).count(), 2, "{}", comment.body);
}

#[test]
fn sarif_is_one_run_with_rules_places_and_fingerprints_without_lines() {
    let of = |text: &str| {
        let mut sources = Sources::default();
        let file = sources.add("schemas/ä b.avdl", text);
        let start = text.find('X').unwrap() as u32;
        let at = |message: &str| {
            Diagnostic::at(Code::ParameterRange, Span::new(file, start, start + 1), message, "")
        };
        let mut all: Vec<Diagnostic> =
            (0..5_100).map(|n| at(&format!("number {n}")).with_help("help")).collect();
        all.push(Diagnostic::new(Code::Budget, "no place \u{202e}"));
        all.swap(0, 5_100);
        sarif(&all, &sources, "sub/dir", "bellwether.toml")
    };
    let (one, moved) = (of("X"), of("\n\n é X"));
    assert_eq!(one["version"], "2.1.0");
    assert_eq!(one["runs"].as_array().unwrap().len(), 1);
    let (run, other) = (&one["runs"][0], &moved["runs"][0]);
    let (results, rules) =
        (run["results"].as_array().unwrap(), run["tool"]["driver"]["rules"].as_array().unwrap());
    assert_eq!(results.len(), 5_000);
    assert_eq!(results[0]["message"]["text"], "no place \\u{202e}");
    for (at, result) in results.iter().enumerate() {
        let rule = &rules[result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(!rule["help"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"]["uri"],
            if at == 0 { "sub/dir/bellwether.toml" } else { "sub/dir/schemas/%C3%A4%20b.avdl" }
        );
        assert!(place["region"]["startLine"].as_u64() >= Some(1));
        assert_eq!(result["partialFingerprints"], other["results"][at]["partialFingerprints"]);
    }
    let region = &other["results"][1]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(*region, json!({"startLine": 3, "startColumn": 4, "endLine": 3, "endColumn": 5}));
    let prints: std::collections::BTreeSet<String> =
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect();
    assert_eq!(prints.len(), 5_000);
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Create),
        Just(Action::Update),
        Just(Action::Rename),
        Just(Action::Adopt),
        Just(Action::Replace),
        Just(Action::Delete)
    ]
}

/// Texts of the signs that mean something to somebody.
fn text() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec![
        "`",
        "``",
        "```",
        "|",
        "\\",
        "@a",
        "#1",
        "<b>",
        "</details>",
        "\n",
        "\r",
        "::error::",
        "##[",
        "*",
        "_",
        "[",
        "](",
        ")",
        "a",
        " ",
        "https://x.y",
        "www.x.y",
        "$",
        "&",
        "--",
        ">",
        "\u{1b}[1m",
        "~~~",
        "x@y.z",
    ]);
    prop::collection::vec(sign, 0..12).prop_map(|signs| signs.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_any_plan_is_harmless(
        texts in prop::collection::vec(text(), 4..6),
        actions in prop::collection::vec(action(), 0..8),
        limit in prop_oneof![Just(LIMIT), 6_000..20_000_usize],
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let plan = hostile(&texts, &actions);
        let comment = markdown::plan(&plan, &Context { limit: Some(limit), ..context() });
        prop_assert!(comment.body.len() <= limit, "{} of {limit}", comment.body.len());
        is_harmless(&comment.body);
        names_what_is_lost(&plan, &comment);
    }
}
