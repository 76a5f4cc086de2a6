//! What a mark costs, beside what others ask for the same; and what the end of a pane costs.
//!
//! `cargo bench --bench aggregate [ROUNDS]`; docs/benchmarks.md has the figures. All that is measured takes turns, and
//! the best of the rounds counts: a machine that is busy with other things makes times longer, never shorter.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has to stop")]
#![allow(clippy::print_stdout, reason = "its results")]

mod panes;
mod peers;
#[path = "../../tests/counting/support.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod rules;
mod stream;
mod subject;
mod workers;

use bellwether::aggregate::Rule;
use subject::{Input, Subject, Who};

fn main() {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let streams = stream::Streams::new();
    let subjects: Vec<Subject> = subject::ours(&streams).into_iter().chain(peers::all(&streams)).collect();
    let figures = measure(&subjects, rounds);
    print_marks(&subjects, &figures);
    print_ratios(&subjects, &figures);
    panes::print(&streams, rounds);
}

/// Nanoseconds per mark and thread, with one thread and with two.
type Figures = [f64; 2];

fn measure(subjects: &[Subject], rounds: usize) -> Vec<Figures> {
    let mut best = vec![[f64::INFINITY; 2]; subjects.len()];
    for _ in 0..rounds {
        for (subject, best) in subjects.iter().zip(&mut best) {
            for (threads, best) in [1, 2].into_iter().zip(best) {
                *best = best.min(workers::nanoseconds_per_mark(subject, threads));
            }
        }
    }
    best
}

fn print_marks(subjects: &[Subject], figures: &[Figures]) {
    println!("\n| ns per mark and thread | ids | 1 thread | 2 threads |\n|---|---|---|---|");
    for (subject, [one, two]) in subjects.iter().zip(figures) {
        println!("| {} | {} | {one:.1} | {two:.1} |", subject.name, subject.input.name());
    }
}

/// How many times as long others take for the same ids.
fn print_ratios(subjects: &[Subject], figures: &[Figures]) {
    let best = |who: Who, input: Input| {
        let those =
            subjects.iter().zip(figures).filter(|(subject, _)| (subject.who, subject.input) == (who, input));
        those.fold([f64::INFINITY; 2], |[one, two], (_, figures)| [one.min(figures[0]), two.min(figures[1])])
    };
    println!("\n| time, against ours | ids | 1 thread | 2 threads |\n|---|---|---|---|");
    for (who, name) in [(Who::Article, "the article's pattern"), (Who::Library, "the best library")] {
        for input in [Input::Number, Input::Decimal, Input::Guid] {
            let ([ours_one, ours_two], [one, two]) = (best(Who::Mark, input), best(who, input));
            println!("| {name} | {} | {:.1} | {:.1} |", input.name(), one / ours_one, two / ours_two);
        }
    }
}

/// A rule whose tables hold all ids of the streams.
fn rule() -> Rule {
    Rule { capacity: stream::IDS as u64, ..rules::rule() }
}
