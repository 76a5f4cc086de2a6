//! A service that only counts does not build the planner, nor what it depends on.

#![allow(clippy::expect_used, reason = "a test may panic, in its helpers too")]

use std::collections::BTreeSet;
use std::process::Command;

/// What only the program needs.
const OF_THE_PROGRAM: [&str; 9] =
    ["axum", "clap", "octocrab", "petgraph", "redis", "reqwest", "sled", "tokio", "toml"];

/// The crates that the library is built with.
fn dependencies(features: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--offline"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let names = String::from_utf8(tree.stdout).expect("UTF-8 text");
    names.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn without_the_program_its_dependencies_are_gone() {
    let of_program = OF_THE_PROGRAM.map(str::to_owned).into();
    let all = dependencies(&[]);
    assert!(all.is_superset(&of_program), "{all:?}");
    let few = dependencies(&["--no-default-features"]);
    assert!(few.contains("foldhash"), "{few:?}");
    assert!(few.is_disjoint(&of_program), "{few:?}");
}
