//! What the service says in comments that are not a plan: refusals, receipts and help. Short, and all that is missing at once.

use super::job::Job;
use super::ledger::Live;
use super::speech::{PlanWords, Proposed, Subject};
use super::trouble::Trouble;
use crate::github::CommitSha;
use crate::model::Address;
use crate::ops::Failure;
use crate::plan::Action;
use crate::render::markdown::{self, code, prose};
use crate::review::{Command, Missing, Unclear, Verb};

/// How many names are spelled out.
const NAMED: usize = 20;

/// A failure on one line, without what only the service's own log should tell.
pub fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Store(_) => "the service's own snapshot cannot be used; its log says more".to_owned(),
        other => other.to_string(),
    }
}

/// There is no plan, for a passing reason.
pub fn passing(trouble: &Trouble, is_over: bool) -> String {
    let again = if is_over { "" } else { " (this is tried again for a while)" };
    format!("{trouble}{again}")
}

/// The first words of an answer.
fn heading(job: &Job, what: &str) -> String {
    format!("**{}.**", if job.begun { "Not finished" } else { what })
}

/// What a job that ends without a result has written.
fn written(job: &Job) -> String {
    let environment = job.environment.as_deref();
    let to = |word: &str| environment.map(|name| format!(" {word} {}", code(name))).unwrap_or_default();
    match job.begun {
        false => format!("Nothing was written{}.", to("to")),
        true => format!(
            "An apply was cut off, and a part of it may be live{}. Nothing was written since.",
            to("in")
        ),
    }
}

/// Why an apply that was asked for is refused.
pub fn refused(job: &Job, command: &Command, missing: &[Missing]) -> String {
    let register = |extra: &str| {
        code(&format!("{}{extra}", command.written(job.environment.as_deref(), Verb::Register)))
    };
    format!("{} {}\n\n{}", heading(job, "Not registered"), written(job), list(missing, &register))
}

/// Why what was merged is not applied; whether there is a plan of now, above.
pub fn merge_refused(job: &Job, word: &str, missing: &[Missing], has_plan: bool) -> String {
    let register = |extra: &str| register(job, word, extra);
    let next = match has_plan {
        true => "The plan above is the one of now. To apply it",
        false => "There is no plan now, for the reason above. When that is mended",
    };
    format!(
        "{} The merge is in. {}\n\n{}\n\n{next}: {}",
        heading(job, "Not applied"),
        written(job),
        list(missing, &register),
        register("")
    )
}

/// The command that applies what is merged.
fn register(job: &Job, word: &str, extra: &str) -> String {
    let environment = job.environment.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    code(&format!("{word}{environment} register{extra}"))
}

/// Why what was pushed is not applied.
pub fn push_refused(job: &Job, missing: &[Missing]) -> String {
    let environment = job.environment.as_deref().unwrap_or_default();
    let apply = |extra: &str| code(&format!("bellwether apply --env {environment}{extra}"));
    format!("{}\n\n{}", written(job), list(missing, &apply))
}

fn list(missing: &[Missing], command: &dyn Fn(&str) -> String) -> String {
    let lines: Vec<String> =
        missing.iter().map(|missing| format!("- {}", sentence(missing, command))).collect();
    lines.join("\n")
}

fn sentence(missing: &Missing, command: &dyn Fn(&str) -> String) -> String {
    match missing {
        Missing::Permission(who) => format!("{} may not write to this repository.", code(who)),
        Missing::Late { asked } => {
            format!("It was asked for at {}, more than an hour before its turn came. Ask again.", code(asked))
        }
        Missing::Closed => "The pull request was closed without being merged.".to_owned(),
        Missing::Fork => {
            "The pull request comes from a fork: it is applied when it is merged, never before.".to_owned()
        }
        Missing::Plan => {
            "No plan of this commit against Datadog was shown. It is shown above now; look at it, and ask \
                          again."
                .to_owned()
        }
        Missing::Moved { from, to } => format!(
            "The head moved from {} to {}, so this is not the plan that was seen. The new plan is above.",
            code(short(from)),
            code(short(to))
        ),
        Missing::Unseen => {
            "The plan changed after this was asked for. The new plan is above; look at it, and ask again."
                .to_owned()
        }
        Missing::Approvals { found, wanted, older, readers } => {
            let mut text = format!(
                "It needs {wanted} {} of the head commit by somebody who may write and is not the author; there {}.",
                if *wanted == 1 { "approval" } else { "approvals" },
                match found {
                    0 => "is none".to_owned(),
                    1 => "is 1".to_owned(),
                    found => format!("are {found}"),
                }
            );
            if !older.is_empty() {
                text.push_str(&format!(" {} approved an older commit.", names(older)));
            }
            if !readers.is_empty() {
                text.push_str(&format!(" {} may only read.", names(readers)));
            }
            text
        }
        Missing::ChangesRequested(who) => format!("{} asked for changes.", names(who)),
        Missing::Checks { failed, pending } => {
            let mut parts = Vec::new();
            if !failed.is_empty() {
                parts.push(format!("{} failed", names(failed)));
            }
            if !pending.is_empty() {
                parts.push(format!("{} not finished", names(pending)));
            }
            format!("Not all checks are green: {}.", parts.join("; "))
        }
        Missing::Other(changes) => format!(
            "What would be done now is more or other than what was shown: {}. The new plan is above.",
            changed(changes)
        ),
        Missing::Beyond(changes) => format!(
            "What would be done now is more or other than what this changes: {}. Others left that; the next pull request that is \
             planned shows it.",
            changed(changes)
        ),
        Missing::Guard { guard, message, help } if guard == "max_deletes" => {
            let allow = help.rsplit_once("--allow-deletes ").map(|(_, number)| number).unwrap_or_default();
            let number: String = allow.chars().take_while(char::is_ascii_digit).collect();
            format!(
                "{}. If that is right: {}",
                prose(message),
                command(&format!(" --allow-deletes {number}"))
            )
        }
        Missing::Guard { message, help, .. } => format!("{}. {}.", prose(message), prose(help)),
        Missing::Rejected(messages) => {
            let first: Vec<String> = messages.iter().take(NAMED).map(|message| prose(message)).collect();
            format!("{}.", first.join("; "))
        }
    }
}

/// What is missing, for those who read the answer: on a public repository nothing of what is live.
pub fn for_readers(missing: Vec<Missing>, is_public: bool) -> Vec<Missing> {
    const MORE: &str = "the service's log says more";
    let without_live_text = |missing| match missing {
        Missing::Guard { guard, .. } if !markdown::is_told_to_everybody(&guard) => {
            let message = format!("the guard {guard} holds it back");
            Missing::Guard { guard, message, help: MORE.to_owned() }
        }
        Missing::Rejected(_) => Missing::Rejected(vec![format!("Datadog rejects a part of it; {MORE}")]),
        other => other,
    };
    if is_public { missing.into_iter().map(without_live_text).collect() } else { missing }
}

/// What is missing, on one line of a log.
pub fn logged(missing: &[Missing]) -> String {
    let all: Vec<String> =
        missing.iter().map(|missing| sentence(missing, &|extra| extra.to_owned())).collect();
    all.join(" ")
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

fn names(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMED).map(|name| code(name)).collect();
    if names.len() > NAMED {
        shown.push(format!("{} more", names.len() - NAMED));
    }
    shown.join(", ")
}

fn changed(changes: &[(Action, Address)]) -> String {
    let name =
        |(action, address): &(Action, Address)| format!("{} {}", action.word(), code(address.as_str()));
    let mut shown: Vec<String> = changes.iter().take(NAMED).map(name).collect();
    if changes.len() > NAMED {
        shown.push(format!("{} more", changes.len() - NAMED));
    }
    shown.join(", ")
}

/// What cannot be done, and why.
pub fn failed(job: &Job, trouble: &Trouble) -> String {
    format!(
        "{} {}\n\n- {}\n\nAsk again when that is mended.",
        heading(job, "Failed"),
        written(job),
        told(trouble)
    )
}

/// What was merged and cannot be applied, and why.
pub fn not_applied(job: &Job, trouble: &Trouble, word: &str) -> String {
    format!(
        "{} The merge is in. {}\n\n- {}\n\nWhen that is mended: {}",
        heading(job, "Not applied"),
        written(job),
        told(trouble),
        register(job, word, "")
    )
}

/// What was pushed and cannot be applied, and why.
pub fn push_failed(job: &Job, trouble: &Trouble) -> String {
    let why = match trouble {
        Trouble::Told(failure) if matches!(**failure, Failure::Diagnostics(_)) => {
            "The schemas have errors; `bellwether check` names them.".to_owned()
        }
        other => told(other),
    };
    format!("{}\n\n- {why}", written(job))
}

fn told(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Told(failure) | Trouble::Away(failure) => match failure.as_ref() {
            Failure::Diagnostics(_) => {
                "The schemas have errors; the plan's comment and the check name them.".to_owned()
            }
            other => format!("{}.", prose(&reason(other))),
        },
        other => format!("{}.", prose(&other.to_string())),
    }
}

/// Somebody who may not write asked for something.
pub fn no_permission(who: &str, command: &Command) -> String {
    let what = match command.verb {
        Verb::Register => "**Not registered.**",
        Verb::Plan | Verb::Help => "**Not planned.**",
    };
    format!("{what} {} may not write to this repository.", code(who))
}

/// There is nothing to plan.
pub fn no_project() -> String {
    "The default branch has no `bellwether.toml`: there is nothing to plan before it is merged.".to_owned()
}

/// A fork's commit that nobody could have looked at.
pub fn fork_moved(head: &CommitSha, plan: &str) -> String {
    format!(
        "**Not planned.** The pull request comes from a fork, and {} was not its head, or not yet checked, when this was \
         asked for. Look at it, and ask again: {}",
        code(head.short()),
        code(plan)
    )
}

/// A line that is addressed to bellwether and no command.
pub fn unclear(unclear: &Unclear) -> String {
    let meant = match &unclear.meant {
        Some(meant) => format!("; did you mean {}?", code(meant)),
        None => ".".to_owned(),
    };
    // The reason holds nothing but code spans of harmless words.
    format!(
        "Not understood: {}{meant} {} lists the commands.",
        unclear.reason,
        code(&format!("{} help", unclear.word))
    )
}

/// Several environments, or none of that name.
pub fn which_environment(command: &Command, environments: &[String], is_named: bool) -> String {
    let lines =
        environments.iter().map(|name| format!("- {}", code(&command.written(Some(name), command.verb))));
    let start = match is_named {
        true => "There is no such environment. There are:",
        false => "Which environment? Never all at once:",
    };
    format!("{start}\n\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// The commands.
pub fn help(word: &str, environments: &[String]) -> String {
    let example = environments.first().map_or("prod", String::as_str);
    let names: Vec<String> = environments.iter().map(|name| code(name)).collect();
    let known = match names.is_empty() {
        true => String::new(),
        false => format!("\n\nEnvironments: {}.", names.join(", ")),
    };
    let row = |command: &str, meaning: &str| format!("| {} | {meaning} |", code(command));
    let rows = [
        row(&format!("{word} plan"), "makes the plan of each environment anew"),
        row(&format!("{word} {example} plan"), "makes one plan anew"),
        row(
            &format!("{word} {example} register"),
            "applies the plan that is shown, if it is approved and the checks are green",
        ),
        row(&format!("{word} help"), "lists the commands"),
    ];
    let options = [
        row("--only GLOB", "only the addresses that match"),
        row("--allow-deletes N", "agrees to exactly so many deletes"),
        row("--reset-drift", "overwrites what was edited in Datadog; plan with it first"),
    ];
    format!(
        "A command is the first line of a comment, and all of it.\n\n| command | does |\n|:--|:--|\n{}\n\n| option | does |\n|:--|:--|\n{}{known}",
        rows.join("\n"),
        options.join("\n")
    )
}

/// What stands below a plan: what it takes to apply it, and what is not in it.
pub fn how_to_apply(words: &PlanWords<'_>) -> Vec<String> {
    let environment = words.plan.environment.as_str();
    let is_merged = words.subject == Subject::Merged;
    let mut parts = Vec::new();
    if words.subject == Subject::MergeGroup {
        parts.push(
            "Only the schemas were compared, with those of the default branch. It is applied when it is merged."
                .to_owned(),
        );
    } else if words.offline {
        parts.push(format!(
            "The pull request comes from a fork: only its schemas were compared with those of the base. Somebody who may write \
             gets the plan against Datadog with {}. It is applied when it is merged, never before.",
            code(&format!("{} {environment} plan", words.word))
        ));
    } else if words.subject == Subject::Fork {
        parts.push(
            "The pull request comes from a fork: it is applied when it is merged, never before.".to_owned(),
        );
    } else if !words.plan.is_empty() {
        let mut command = format!("{} {environment} register", words.word);
        if let Some(only) = &words.asked.only {
            command.push_str(&format!(" --only {only}"));
        }
        if words.asked.reset_drift {
            command.push_str(" --reset-drift");
        }
        let needs = match (is_merged, words.rule.approvals, words.rule.checks) {
            (true, ..) | (_, 0, false) => String::new(),
            (_, 0, true) => " (needs green checks)".to_owned(),
            (_, approvals, checks) => format!(
                " (needs {approvals} {}{})",
                if approvals == 1 { "approval" } else { "approvals" },
                if checks { " and green checks" } else { "" }
            ),
        };
        parts.push(format!("Apply it with {}{needs}.", code(&command)));
    }
    if words.proposed != Proposed::Same && !is_merged {
        let who = if words.subject == Subject::MergeGroup { "merge group" } else { "pull request" };
        parts.push(format!(
            "The {who} changes `bellwether.toml`, which counts once it is merged; this plan is made with the one of the \
             default branch."
        ));
    }
    if words.proposed == Proposed::Without && !is_merged {
        parts.push(format!(
            "**Once it is merged, nobody looks after {}:** `bellwether.toml` has no such environment then, and its monitors stay in \
             Datadog. To have them deleted, take their annotations out first.",
            code(environment)
        ));
    }
    parts
}

/// A pull request was closed unmerged, and something of it is live.
pub fn closed(live: &[(String, Live)]) -> String {
    let lines = live
        .iter()
        .map(|(environment, live)| format!("- {}: commit {}", code(environment), code(short(&live.commit))));
    format!(
        "> [!WARNING]\n> This pull request was registered and is closed without being merged. The next pull request that is \
         planned takes back what it did.\n\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}

/// Nothing is left to do, as far as it was looked: at these addresses, or at all.
pub fn nothing_left(environment: &str, head: &CommitSha, about: Option<&str>) -> String {
    let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
    format!(
        "### {}: nothing left to apply\nDatadog is as commit {} asks for{about}.",
        code(environment),
        code(head.short())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_in_code_spans() {
        let failed = vec!["@everyone `</code><img>\n::error::x".to_owned()];
        let text = sentence(&Missing::Checks { failed, pending: Vec::new() }, &|extra| extra.to_owned());
        assert_eq!(text, "Not all checks are green: ``@everyone `</code><img>⏎::error::x`` failed.");
    }
}
