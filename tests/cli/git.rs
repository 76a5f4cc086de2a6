//! `plan --against REF`: which commit is meant, what is read of it, and what Git may not be talked into.

use std::fs;

use super::repository::{Repository, cloned};
use super::support::{Project, Run, actions};

#[test]
fn what_was_merged_meanwhile_is_no_change_of_ours() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.declare("@error_rate_monitor({}) @log_monitor({\"search\": \"a\", \"above\": 1}) record OneEvent { string id; }");
    repository.commit("ours");
    repository.git(&["switch", "--quiet", "main"]);
    repository.files.write(
        "schemas/other.avdl",
        "@namespace(\"o\") protocol O {\n@error_rate_monitor({}) record OtherEvent { string id; } }",
    );
    repository.commit("theirs");
    repository.git(&["switch", "--quiet", "feature"]);
    let ours = ["create n.OneEvent/log_monitor"];
    assert_eq!(actions(&repository.against("main")), ours);
    // As CI checks a pull request out: merged with what it is to go into.
    repository.git(&["merge", "--quiet", "--no-edit", "main"]);
    assert_eq!(actions(&repository.against("main")), ours);
    // What is not committed counts too.
    repository.declare("record OneEvent { string id; }");
    assert_eq!(actions(&repository.against("main")), ["delete n.OneEvent/error_rate_monitor"]);
}

#[test]
fn what_names_no_commit_is_refused_with_what_to_do() {
    let repository = Repository::small("record OneEvent { string id; }");
    let fails = |base: &str, texts: &[&str]| {
        let run = repository.run(&["plan", &format!("--against={base}")]).exits(1);
        assert_eq!(run.out, "");
        run.complains(texts);
    };
    fails(
        "origin/main",
        &["`origin/main` is neither a directory nor a commit", "git fetch origin main", "fetch-depth: 0"],
    );
    for option in ["--output=stolen", "-h", "--help", "--exec=touch stolen"] {
        fails(option, &["does not begin with `-`"]);
    }
    for other in [
        "",
        "HEAD:schemas",
        "main..main",
        "main\nHEAD",
        "@{upstream}",
        "$(touch stolen)",
        "0000000000000000000000000000000000000000",
    ] {
        fails(other, &["is neither a directory nor a commit"]);
    }
    assert!(!repository.files.path("stolen").exists());

    repository.git(&["switch", "--quiet", "--orphan", "unrelated"]);
    repository.git(&["commit", "--quiet", "--allow-empty", "--message", "unrelated"]);
    repository.git(&["switch", "--quiet", "main"]);
    fails("unrelated", &["HEAD and `unrelated` have no common commit"]);

    for (with, without) in [("--offline", "cannot be used"), ("--reset-drift", "cannot be used")] {
        repository.run(&["plan", "--against", "HEAD", with]).exits(64).complains(&[without]);
    }
    let alone = Project::storefront();
    alone.run(&["plan", "--against", "HEAD"]).exits(1).complains(&["Git knows no repository of ."]);
    let mut command = repository.command(&["plan", "--against", "HEAD"]);
    command.env("PATH", repository.files.path(""));
    Run::of(command, &[], &repository.files.path("")).exits(1).complains(&["cannot run `git`", "directory"]);
}

#[test]
fn a_clone_that_lacks_something_says_so_and_fetches_nothing() {
    let repository = Repository::small("record OneEvent { string id; }");
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.declare("@error_rate_monitor({}) record OneEvent { string id; }");
    repository.commit("ours");
    repository.git(&["switch", "--quiet", "main"]);
    repository.commit("theirs");

    let shallow = cloned(&repository, &["--depth=1", "--no-single-branch"]);
    let run = shallow.run(&["plan", "--against", "origin/main"]).exits(1);
    run.complains(&["HEAD and `origin/main` have no common commit in this shallow clone", "fetch-depth: 0"]);

    let partial = cloned(&repository, &["--filter=blob:none"]);
    let run = partial.run(&["plan", "--against", "origin/main"]).exits(1);
    run.complains(&[
        "cannot read the project of origin/main (",
        "schemas/events.avdl",
        "a partial clone has to fetch it",
    ]);

    let whole = cloned(&repository, &[]);
    assert_eq!(actions(&whole.against("origin/main")), ["create n.OneEvent/error_rate_monitor"]);
}

#[test]
fn a_file_of_the_commit_has_the_same_limit() {
    let import = "@namespace(\"n\") protocol P {\n import idl \"../shared/big.avdl\"; import idl \"../shared/small.avdl\";\n }";
    let files = Project::of(import, "https://datadog.invalid");
    files.write("shared/small.avdl", "@namespace(\"s\") protocol S { record Small { string id; } }");
    files.write("shared/big.avdl", "");
    fs::File::options()
        .write(true)
        .open(files.path("shared/big.avdl"))
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    let repository = Repository::of(files, ".");
    repository.files.write("shared/big.avdl", "@namespace(\"b\") protocol B { }");
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
    assert!(!run.err.contains("small"), "what comes after it is read all the same: {run:?}");
    run.complains(&["the schemas of HEAD (", "shared/big.avdl has 16777217 bytes"]);
}

#[test]
fn a_link_or_a_submodule_in_the_commit_is_an_error_and_not_followed() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    let blob = repository.git(&["hash-object", "-w", "bellwether.toml"]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    for (mode, hash, path) in [
        ("120000", &blob, "schemas/link.avdl"),
        ("160000", &head, "schemas/module.avdl"),
        ("120000", &blob, "schemas"),
        ("120000", &blob, "bellwether.toml"),
    ] {
        repository.git(&["reset", "--quiet", "--hard", &head]);
        if path == "schemas" {
            repository.git(&["rm", "--quiet", "-r", "--cached", "schemas"]);
        }
        repository.git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{hash},{path}")]);
        let tree = repository.git(&["write-tree"]);
        let commit = repository.git(&["commit-tree", "-m", "hostile", "-p", "HEAD", &tree]);
        repository.git(&["reset", "--quiet", &commit]);
        let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
        run.complains(&["cannot read the project of HEAD (", &format!("{path} is a link")]);
    }
}

#[test]
fn imports_are_those_of_the_commit() {
    let schema = |default: i32| {
        format!(
            "@namespace(\"n\") protocol P {{\n import idl \"../shared/common.idl\";\n @error_rate_monitor({{\"above\": 0.{default}}}) record OneEvent {{ Header header; }} }}"
        )
    };
    let files = Project::of(&schema(1), "https://datadog.invalid");
    files.write("shared/common.idl", "@namespace(\"n\") protocol C { record Header { string id; } }");
    let repository = Repository::of(files, ".");
    fs::rename(repository.files.path("shared/common.idl"), repository.files.path("schemas/common.idl"))
        .unwrap();
    repository.files.write("schemas/events.avdl", &schema(2).replace("../shared/", ""));
    assert_eq!(actions(&repository.against("HEAD")), ["update n.OneEvent/error_rate_monitor"]);
    repository.commit("moved");
    repository.git(&["rm", "--quiet", "--cached", "schemas/common.idl"]);
    repository.git(&["commit", "--quiet", "--message", "lost"]);
    let run = repository.run(&["plan", "--against", "HEAD"]).exits(1);
    run.complains(&["the schemas of HEAD (", "common.idl"]);
}

#[test]
fn what_git_sets_for_its_hooks_leads_to_no_other_repository() {
    let repository = Repository::small("@error_rate_monitor({}) record OneEvent { string id; }");
    let other = Repository::small("record OneEvent { string id; }");
    repository.declare("@error_rate_monitor({\"above\": 0.5}) record OneEvent { string id; }");
    let arguments = ["plan", "--against", "HEAD", "--summary"];
    let mut command = repository.command(&arguments);
    let git = other.files.path(".git");
    command
        .env("GIT_DIR", &git)
        .env("GIT_WORK_TREE", other.files.path(""))
        .env("GIT_INDEX_FILE", git.join("index"));
    command.env("GIT_OBJECT_DIRECTORY", git.join("objects")).env("GIT_PREFIX", "schemas/");
    let run = Run::of(command, &arguments, &repository.files.path("")).exits(0);
    run.says(&["~ n.OneEvent/error_rate_monitor", "Plan: 1 to change."]);
}
