//! A Git repository with real history, and the program in it without keys.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::{Project, Run, copy};

/// A Git repository with a project in a folder of it, and the program without keys, home or anything else.
pub struct Repository {
    pub files: Project,
    pub folder: &'static str,
}

impl Repository {
    /// Of files that are there, all committed on `main`.
    pub fn of(files: Project, folder: &'static str) -> Self {
        let repository = Self { files, folder };
        repository.git(&["init", "--quiet"]);
        repository.commit("the first");
        repository
    }

    /// The example, in the folder `shop`.
    pub fn storefront() -> Self {
        let files = Project::empty();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storefront"),
            &files.path("shop"),
            "state",
        );
        files.edit("shop/bellwether.toml", "../../state", "state");
        Self::of(files, "shop")
    }

    /// One schema file of these declarations, at the top.
    pub fn small(declarations: &str) -> Self {
        let files = Project::of(&protocol(declarations), "https://datadog.invalid");
        Self::of(files, ".")
    }

    pub fn declare(&self, declarations: &str) {
        self.files.write("schemas/events.avdl", &protocol(declarations));
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.files.path(""), arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command.current_dir(self.files.path(self.folder)).args(arguments).env_clear().stdin(Stdio::null());
        // Where git is.
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments), arguments, &self.files.path(""))
    }

    pub fn against(&self, base: &str) -> Value {
        let run = self.run(&["plan", "--against", base, "--format", "json"]);
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    pub fn has_no_state(&self) -> bool {
        !self.files.path(self.folder).join("state").exists()
    }
}

pub fn protocol(declarations: &str) -> String {
    format!("@namespace(\"n\") @alert_channel(\"a\") protocol P {{\n{declarations}\n}}\n")
}

fn git(directory: &Path, arguments: &[&str]) -> std::process::Output {
    let who = [("NAME", "A"), ("EMAIL", "a@example.com"), ("DATE", "2026-01-02T03:04:05Z")]
        .map(|(key, value)| [(format!("GIT_AUTHOR_{key}"), value), (format!("GIT_COMMITTER_{key}"), value)]);
    Command::new("git")
        .current_dir(directory)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(who.into_iter().flatten())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The branch `feature` of a repository, cloned with these options.
pub fn cloned(repository: &Repository, options: &[&str]) -> Repository {
    let files = Project::empty();
    let url = format!("file://{}", repository.files.path("").display());
    let arguments = [&["clone", "--quiet", "--branch=feature"], options, &[&url, "clone"]].concat();
    let output = git(&files.path(""), &arguments);
    assert!(output.status.success(), "{output:?}");
    Repository { files, folder: "clone" }
}
