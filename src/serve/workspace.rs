//! The files of a pull request as they would be on the base branch: what it changes, laid over what is there.
//!
//! `bellwether.toml` always comes from the base branch: one of the pull request's own could send the keys of Datadog to its
//! author, or lift a guard. Schemas and catalog files are data, and nothing of them is executed.

use std::time::Duration;

use super::site::Site;
use super::trouble::Trouble;
use crate::config::Environment;
use crate::github::archive::{File, Limits, Wanted};
use crate::github::{ChangedFile, ChangedFiles, CommitSha, Files, PullRequest};
use crate::ops::Failure;
use crate::project::{self, CONFIG_FILE, Project};

/// How long reading and compiling a project may take.
const READING: Duration = Duration::from_secs(60);

/// A project at a commit.
pub struct Workspace {
    /// The commit of the base branch whose configuration counts.
    pub base: CommitSha,
    /// Its files.
    pub files: Files,
    /// The files of the base branch.
    pub base_files: Files,
    /// Whether `bellwether.toml` is changed, which counts only once it is merged.
    pub changes_config: bool,
    /// What it is changed to.
    proposed: Option<File>,
}

/// A project that was read, and one of its environments.
pub struct Built {
    /// The project.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
}

impl Workspace {
    /// What `pull` would make of the base branch; once it is merged, the base branch.
    pub async fn of_pull(site: &Site, pull: &PullRequest) -> Result<Self, Trouble> {
        let client = &site.client;
        let base = client.branch_head(&pull.base_ref).await?;
        if pull.merged {
            return Self::of_branch(site, &base).await;
        }
        let base_files = archive(site, &base).await?;
        let head_files = archive(site, &pull.head_sha).await?;
        let changed = changed_files(site, pull).await?;
        let changed = local(&changed, &site.directory);
        let common = client.merge_base(&base, &pull.head_sha).await?;
        if common != base {
            let before = archive(site, &common).await?;
            if let Some(path) = changed_on_both_sides(&before, &base_files, changed.as_deref()) {
                // The head's text would take back what the base has since.
                return Err(Trouble::Failed(format!(
                    "`{path}` was changed on `{}` since this branch left it; merge or rebase, so that the plan has both",
                    pull.base_ref
                )));
            }
        }
        let changes_config = has_config(changed.as_deref());
        let proposed = head_files.get(CONFIG_FILE).filter(|_| changes_config).cloned();
        let files = overlay(&base_files, &head_files, changed.as_deref());
        Ok(Self { base, files, base_files, changes_config, proposed })
    }

    /// What a merge queue is about to make of the base branch.
    pub async fn of_group(site: &Site, base: CommitSha, group: &CommitSha) -> Result<Self, Trouble> {
        let base_files = archive(site, &base).await?;
        let files = archive(site, group).await?;
        let changes_config = files.get(CONFIG_FILE) != base_files.get(CONFIG_FILE);
        let proposed = files.get(CONFIG_FILE).filter(|_| changes_config).cloned();
        let files = overlay(&base_files, &files, None);
        Ok(Self { base, files, base_files, changes_config, proposed })
    }

    /// The default branch.
    async fn of_branch(site: &Site, commit: &CommitSha) -> Result<Self, Trouble> {
        let files = archive(site, commit).await?;
        Ok(Self {
            base: commit.clone(),
            base_files: files.clone(),
            files,
            changes_config: false,
            proposed: None,
        })
    }

    /// Whether the base branch's files are what they were.
    pub fn is_untouched(&self) -> bool {
        !self.changes_config && self.files == self.base_files
    }

    /// The project as it will be once it is merged, if its `bellwether.toml` is changed and not gone. Good for finding mistakes
    /// in it, and for nothing else.
    pub async fn proposed_project(&self) -> Result<Option<Project>, Trouble> {
        let Some(config) = &self.proposed else { return Ok(None) };
        let mut files = self.files.clone();
        files.insert(CONFIG_FILE.to_owned(), config.clone());
        read_project(files).await.map(Some)
    }

    /// Whether there is a project at all.
    pub fn has_project(&self) -> bool {
        self.files.contains_key(CONFIG_FILE)
    }
}

/// Whether a pull request changes `bellwether.toml`.
pub fn touches_config(site: &Site, changed: &ChangedFiles) -> bool {
    has_config(local(changed, &site.directory).as_deref())
}

fn has_config(changed: Option<&[ChangedFile]>) -> bool {
    let is_config = |path: &str| path == CONFIG_FILE;
    changed.is_none_or(|changed| {
        changed.iter().any(|file| is_config(&file.path) || file.before.as_deref().is_some_and(is_config))
    })
}

/// The files that a pull request changes, with exactly this head and for exactly this branch.
pub async fn changed_files(site: &Site, pull: &PullRequest) -> Result<ChangedFiles, Trouble> {
    let changed = site.client.changed_files(pull.number).await?;
    let now = site.client.pull_request(pull.number).await?;
    if now.head_sha != pull.head_sha || now.base_ref != pull.base_ref {
        return Err(Trouble::Later(format!(
            "#{} was pushed to or turned while it was looked at",
            pull.number
        )));
    }
    Ok(changed)
}

/// The files of a commit, below the project's directory and named from there.
pub async fn archive(site: &Site, commit: &CommitSha) -> Result<Files, Trouble> {
    let wanted = Wanted::new(&site.directory, &project::FILES)
        .ok_or_else(|| Trouble::Failed("the project's directory is not one of the repository".to_owned()))?;
    let files = site.client.archive(commit, &wanted, &Limits::default()).await?;
    let inside = |(path, file): (String, File)| Some((below(&path, &site.directory)?.to_owned(), file));
    Ok(files.into_iter().filter_map(inside).collect())
}

/// The path as seen from the project's directory; none where it is not below it.
fn below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    match directory {
        "" => Some(path),
        directory => path.strip_prefix(directory)?.strip_prefix('/'),
    }
}

/// The changed files of a project, named from its directory; none where GitHub does not list all of them.
fn local(changed: &ChangedFiles, directory: &str) -> Option<Vec<ChangedFile>> {
    let inside = |file: &ChangedFile| {
        let before = file.before.as_deref().and_then(|before| below(before, directory)).map(str::to_owned);
        match below(&file.path, directory) {
            Some(path) => Some(ChangedFile { path: path.to_owned(), before }),
            // It was moved out of the project.
            None => before.map(|path| ChangedFile { path, before: None }),
        }
    };
    changed.complete.then(|| changed.files.iter().filter_map(inside).collect())
}

/// The base's files with what was changed. Where it is not known what was changed, all of the head's files.
fn overlay(base: &Files, head: &Files, changed: Option<&[ChangedFile]>) -> Files {
    let mut files = match changed {
        None => head.clone(),
        Some(changed) => {
            let mut files = base.clone();
            for file in changed {
                if let Some(before) = &file.before {
                    files.remove(before);
                }
                match head.get(&file.path) {
                    Some(found) => files.insert(file.path.clone(), found.clone()),
                    None => files.remove(&file.path),
                };
            }
            files
        }
    };
    match base.get(CONFIG_FILE) {
        Some(config) => files.insert(CONFIG_FILE.to_owned(), config.clone()),
        None => files.remove(CONFIG_FILE),
    };
    files
}

/// The files of the base branch without what a pull request changed: as they were at `before`, where it changed them.
pub fn without(site: &Site, changed: &ChangedFiles, files: &Files, before: &Files) -> Files {
    let paths = local(changed, &site.directory).map(|changed| {
        let paths = changed.into_iter().flat_map(|file| [Some(file.path), file.before]).flatten();
        paths.map(|path| ChangedFile { path, before: None }).collect::<Vec<_>>()
    });
    overlay(files, before, paths.as_deref())
}

/// A changed file that is not on the base branch any more what it was where the pull request's branch left it.
fn changed_on_both_sides(before: &Files, base: &Files, changed: Option<&[ChangedFile]>) -> Option<String> {
    let all: Vec<&String> = match changed {
        None => before.keys().chain(base.keys()).collect(),
        Some(changed) => {
            changed.iter().flat_map(|file| [Some(&file.path), file.before.as_ref()]).flatten().collect()
        }
    };
    // The base's configuration counts anyway.
    let differs = |path: &&String| path.as_str() != CONFIG_FILE && before.get(*path) != base.get(*path);
    all.into_iter().find(differs).cloned()
}

/// Whether a pull request touches the project: its schemas, its catalog or its `bellwether.toml`.
pub fn touches(site: &Site, project: &Project, changed: &ChangedFiles) -> bool {
    let Some(changed) = local(changed, &site.directory) else { return true };
    let paths = changed.iter().flat_map(|file| [Some(file.path.as_str()), file.before.as_deref()]);
    project::concerns(&project.config, paths.flatten())
}

/// Reads the files as a project for an environment, beside whatever else goes on.
pub async fn build(files: Files, environment: String) -> Result<Built, Trouble> {
    let reading = tokio::task::spawn_blocking(move || -> Result<Built, Failure> {
        let project = read(files)?;
        let (_, found) = project.config.environment(Some(&environment)).map_err(Failure::Message)?;
        let environment = found.clone();
        Ok(Built { project, environment })
    });
    finished(reading).await
}

/// The project of these files, if there is one.
pub async fn project_of(files: Files) -> Result<Option<Project>, Trouble> {
    if files.contains_key(CONFIG_FILE) { read_project(files).await.map(Some) } else { Ok(None) }
}

/// Reads the files as a project, beside whatever else goes on.
pub async fn read_project(files: Files) -> Result<Project, Trouble> {
    finished(tokio::task::spawn_blocking(move || read(files))).await
}

async fn finished<T>(reading: tokio::task::JoinHandle<Result<T, Failure>>) -> Result<T, Trouble> {
    match tokio::time::timeout(READING, reading).await {
        Ok(Ok(result)) => result.map_err(Trouble::from),
        Ok(Err(error)) => Err(Trouble::Failed(format!("the project could not be read: {error}"))),
        Err(_) => Err(Trouble::Failed(format!(
            "reading the project took more than {} s; it is too large",
            READING.as_secs()
        ))),
    }
}

fn read(files: Files) -> Result<Project, Failure> {
    let mut listing = project::Files::default();
    for (path, file) in files {
        match file {
            File::Plain(bytes) => listing.add(path, bytes),
            File::Special => listing.add_special(path),
            File::TooLarge(size) => listing.add_too_large(path, size),
            File::TooDeep(directories) => listing.add_too_deep(path, directories),
        }
    }
    Project::read(listing).map_err(|error| Failure::Message(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        let file = |text: &str| File::Plain(text.as_bytes().to_vec());
        list.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect()
    }

    fn changed(path: &str, before: Option<&str>) -> ChangedFile {
        ChangedFile { path: path.to_owned(), before: before.map(str::to_owned) }
    }

    #[test]
    fn what_was_merged_meanwhile_stays_and_the_configuration_is_the_base_s() {
        let base =
            files(&[("bellwether.toml", "base"), ("schemas/new.avdl", "1"), ("schemas/a.avdl", "old")]);
        let head = files(&[("bellwether.toml", "head"), ("schemas/b.avdl", "2")]);
        let list = [changed("bellwether.toml", None), changed("schemas/b.avdl", Some("schemas/a.avdl"))];
        let expected =
            files(&[("bellwether.toml", "base"), ("schemas/b.avdl", "2"), ("schemas/new.avdl", "1")]);
        assert_eq!(overlay(&base, &head, Some(&list)), expected);
        let all = files(&[("bellwether.toml", "base"), ("schemas/b.avdl", "2")]);
        assert_eq!(overlay(&base, &head, None), all);
        let removed = overlay(&base, &files(&[]), Some(&[changed("schemas/a.avdl", None)]));
        assert!(!removed.contains_key("schemas/a.avdl"));
        assert!(!overlay(&files(&[]), &head, None).contains_key("bellwether.toml"));
    }

    #[test]
    fn what_both_sides_changed_is_not_guessed() {
        let before = files(&[("schemas/a.avdl", "1"), ("schemas/b.avdl", "1"), ("bellwether.toml", "1")]);
        let base = files(&[("schemas/a.avdl", "2"), ("schemas/b.avdl", "1"), ("bellwether.toml", "2")]);
        let both = |paths: &[&str]| {
            let list: Vec<ChangedFile> = paths.iter().map(|path| changed(path, None)).collect();
            changed_on_both_sides(&before, &base, Some(&list))
        };
        assert_eq!(both(&["schemas/b.avdl", "bellwether.toml", "schemas/new.avdl"]), None);
        assert_eq!(both(&["schemas/b.avdl", "schemas/a.avdl"]).as_deref(), Some("schemas/a.avdl"));
        assert_eq!(changed_on_both_sides(&before, &base, None).as_deref(), Some("schemas/a.avdl"));
    }

    #[test]
    fn a_project_in_a_directory_knows_nothing_of_the_others() {
        let list = ChangedFiles {
            files: vec![
                changed("schemas/a.avdl", None),
                changed("shop/schemas/b.avdl", Some("old/b.avdl")),
                changed("old/c.avdl", Some("shop/schemas/c.avdl")),
                changed("shopping/d.avdl", None),
            ],
            complete: true,
        };
        let found = local(&list, "shop").unwrap();
        let names: Vec<(&str, Option<&str>)> =
            found.iter().map(|file| (file.path.as_str(), file.before.as_deref())).collect();
        assert_eq!(names, [("schemas/b.avdl", None), ("schemas/c.avdl", None)]);
        assert!(local(&ChangedFiles { complete: false, ..list }, "shop").is_none());
    }
}
