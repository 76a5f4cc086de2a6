//! Pull requests that want more than they may have.

use bellwether::sandbox::{Sandbox, Storage};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tar::{EntryType, Header};

use super::support::{CART, World, runtime, seen};
use crate::double::{Pull, archive_of, archive_with_links};

/// What is said of a pull request whose head has this archive.
fn said_of_archive(archive: impl FnOnce(&str) -> Vec<u8>) -> (String, World) {
    let world = World::new();
    let head = world.commit(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.archive(&head, archive(&head));
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl"]);
    world.pull_event("opened", number, false);
    world.repository.review(number, "rita", "APPROVED", &head);
    world.say("jane", number, "esm prod register");
    assert_eq!(world.writes(), [""; 0]);
    assert_eq!(world.datadog.requests().len(), 0);
    (world.seen(number, &head), world)
}

#[test]
fn the_configuration_of_a_pull_request_counts_for_nothing() {
    let world = World::new();
    let evil = runtime().block_on(Sandbox::start("127.0.0.1:0".parse().unwrap(), Storage::Memory)).unwrap();
    let config = format!(
        "schemas = [\"schemas/c*.avdl\"]\n[guard]\nmax_deletes = \"100%\"\n[register]\napprovals = 0\nchecks = false\n\
         [environments.prod]\napi_url = \"{}\"\ntag = \"esm-prod\"\n",
        evil.url()
    );
    let schema = CART.replace("500", "200");
    let (number, head) = world.open(&[("bellwether.toml", &config), ("schemas/cart.avdl", &schema)]);
    world.repository.check_run_of("actions", &head, "test", Some("failure"));
    let comment = world.say("jane", number, "esm prod register");
    assert_eq!(world.repository.reactions(comment).last().unwrap(), "bellwether-bot -1");
    assert_eq!((evil.requests().len(), world.writes()), (0, Vec::new()));
    seen!("configuration_of_the_pull_request", world.seen(number, &head));
}

#[test]
fn a_mistake_in_the_configuration_of_a_pull_request_is_seen_before_it_is_merged() {
    let world = World::new();
    for (line, told) in [("[guards]\n", "guards"), ("catalog = [\"none.toml\", 1]\n", "catalog")] {
        let config = format!("{line}{}", world.config());
        let (number, head) = world.open(&[("bellwether.toml", &config)]);
        let seen = world.seen(number, &head);
        assert!(seen.contains("=== check bellwether/prod failure") && seen.contains(told), "{seen}");
        world.say("jane", number, "esm prod register");
        assert_eq!(world.writes(), [""; 0]);
    }
}

#[test]
fn an_environment_that_a_pull_request_takes_out_is_said_to_be_left_alone() {
    let world = World::new();
    let (number, head) = world.open(&[("bellwether.toml", "[environments.other]\nsandbox = true\n")]);
    let seen = world.seen(number, &head);
    assert!(seen.contains("=== check bellwether/prod success"), "no mistake: {seen}");
    seen!("without_the_environment", seen);
}

#[test]
fn a_branch_with_a_configuration_of_its_own_is_no_base() {
    let world = World::new();
    let evil = runtime().block_on(Sandbox::start("127.0.0.1:0".parse().unwrap(), Storage::Memory)).unwrap();
    let config = format!("[environments.prod]\napi_url = \"{}\"\n", evil.url());
    let base = world.repository.commit(&[("bellwether.toml", &config), ("schemas/cart.avdl", CART)]);
    world.repository.branch("mine", &base);
    let (number, _) = world.open_onto(&[("schemas/cart.avdl", &CART.replace("500", "200"))], "mine");
    world.say("jane", number, "esm prod plan");
    world.say("jane", number, "esm prod register");
    assert_eq!((evil.requests().len(), world.datadog.requests().len()), (0, 0));
    assert_eq!(world.answers(number), [""; 0]);
}

#[test]
fn a_pull_request_that_is_turned_to_another_branch_is_none_of_ours() {
    let world = World::new();
    let evil = runtime().block_on(Sandbox::start("127.0.0.1:0".parse().unwrap(), Storage::Memory)).unwrap();
    let config = format!("[environments.prod]\napi_url = \"{}\"\n[register]\napprovals = 0\n", evil.url());
    let base = world.repository.commit(&[("bellwether.toml", &config), ("schemas/cart.avdl", CART)]);
    world.repository.branch("mine", &base);
    let (number, head) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    world.repository.review(number, "rita", "APPROVED", &head);
    for command in ["esm prod plan", "esm prod register"] {
        // When the service has looked at its branch, and not yet at its files.
        world.repository.retarget(number, "main");
        world.repository.retarget_when("/tarball", number, "mine");
        world.say("jane", number, command);
        assert_eq!((evil.requests().len(), world.writes()), (0, Vec::new()), "{command}: {}", world.log());
    }
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_not_read() {
    let (seen, _world) = said_of_archive(|head| {
        let bomb = vec![b' '; 14 << 20];
        let names =
            ["schemas/a.avdl", "schemas/b.avdl", "schemas/c.avdl", "schemas/d.avdl", "schemas/e.avdl"];
        archive_of("octo-schemas", head, names.map(|name| (name, bomb.as_slice())))
    });
    seen!("archive_bomb", seen);
}

#[test]
fn a_file_that_is_too_large_and_a_link_are_errors_where_a_schema_should_be() {
    let large = vec![b' '; (16 << 20) + 1];
    let (seen, _world) =
        said_of_archive(|head| archive_of("octo-schemas", head, [("schemas/cart.avdl", large.as_slice())]));
    assert!(seen.contains("\nschemas/cart.avdl has 16777217 bytes"), "{seen}");
    for (changed, link) in [("schemas/cart.avdl", "schemas/cart.avdl"), ("schemas", "schemas")] {
        let world = World::new();
        let head = world.commit(&[]);
        let archive = archive_with_links("octo-schemas", &head, [], &[link]);
        world.repository.archive(&head, archive);
        let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
        world.repository.changes(number, &[changed, "schemas/cart.avdl"]);
        world.pull_event("opened", number, false);
        let seen = world.seen(number, &head);
        assert!(seen.contains(&format!("{link} is a link or another special file")), "{seen}");
    }
    let deep = format!("schemas/{}cart.avdl", "d/".repeat(39));
    let world = World::new();
    let (number, head) = world.open(&[(&deep, CART)]);
    let seen = world.seen(number, &head);
    assert!(seen.contains("cart.avdl lies 40 directories deep"), "{seen}");
}

#[test]
fn elsewhere_they_do_not_matter() {
    let world = World::new();
    let schema = CART.replace("500", "200");
    let head = world.commit(&[("schemas/cart.avdl", &schema)]);
    let large = vec![b' '; (16 << 20) + 1];
    let deep = format!("{}Cargo.toml", "d/".repeat(40));
    let files = [
        ("schemas/cart.avdl", schema.as_bytes()),
        ("Cargo.toml", large.as_slice()),
        ("b.avsc", b"{}"),
        (deep.as_str(), b""),
    ];
    let archive = archive_with_links("octo-schemas", &head, files, &["docs/link.toml", "current"]);
    world.repository.archive(&head, archive);
    let number = world.repository.open(&Pull { head: &head, ..Pull::default() });
    world.repository.changes(number, &["schemas/cart.avdl", "Cargo.toml", "docs/link.toml", "current"]);
    world.pull_event("opened", number, false);
    let seen = world.seen(number, &head);
    assert!(seen.contains("=== check bellwether/prod success: \"1 create\""), "{seen}");
    // Nor are they in anybody's way on the default branch.
    world.repository.branch("main", &world.commit(&[(&deep, "")]));
    let (number, head) = world.open(&[("schemas/cart.avdl", &schema)]);
    let seen = world.seen(number, &head);
    assert!(seen.contains("=== check bellwether/prod success: \"1 create\""), "{seen}");
}

#[test]
fn an_archive_that_leads_out_of_itself_is_not_read() {
    // Written by hand: no library makes such a path.
    let (seen, _world) = said_of_archive(|head| {
        let mut bytes = Vec::new();
        let comment = format!("52 comment={head}\n");
        for (path, kind, content) in [
            ("pax_global_header", EntryType::XGlobalHeader, comment.as_bytes()),
            ("octo-schemas/../../schemas/cart.avdl", EntryType::Regular, CART.as_bytes()),
        ] {
            let mut header = Header::new_ustar();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.extend_from_slice(&[0; 1024]);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&bytes).unwrap();
        packed.finish().unwrap()
    });
    seen!("archive_with_a_way_out", seen);
}

#[test]
fn an_import_cannot_leave_the_repository() {
    let world = World::new();
    let schema = "import idl \"../../../../etc/passwd\";\nprotocol P { record R { string id; } }\n";
    let (number, head) = world.open(&[("schemas/cart.avdl", schema)]);
    let seen = world.seen(number, &head);
    assert!(!seen.contains("root:"), "{seen}");
    seen!("import_out_of_the_repository", seen);
}

#[test]
fn in_public_only_names_of_monitors_and_fields_are_shown() {
    let world = World::new();
    world.repository.publish();
    let (number, _) = world.open(&[("schemas/cart.avdl", &CART.replace("500", "200"))]);
    let shown = world.answers(number).join("\n");
    assert!(!shown.contains("sum:events.received"), "{shown}");
    seen!("public", shown);
}

#[test]
fn hostile_text_is_no_markdown() {
    let world = World::new();
    let schema = r#"@namespace("com.example")
protocol Shop {
  @datadog_monitor({"name": "| a `b` |", "type": "metric alert", "query": "avg(last_5m):avg:system.cpu.user{*} > 90",
    "message": "```\n@everyone <img src=x>\n::error::x\n##[error]\u202e fixes #12"})
  record AddToCartEvent { string id; }
}
"#;
    let (number, _) = world.open(&[("schemas/cart.avdl", schema)]);
    seen!("hostile_text", world.answers(number).join("\n---\n"));
}
