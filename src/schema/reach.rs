//! What belongs to a file once its imports are counted in, in the order in which Java meets it.

use std::collections::{HashMap, HashSet};

use super::ir::{Definition, File, Item, Message};
use super::project::Project;

/// The named types and messages of a file and its imports; an import counts at its place.
#[derive(Default)]
pub(super) struct Reach<'a> {
    pub types: Vec<&'a Definition>,
    /// Of several messages of one name the last, at the place of the first.
    pub messages: Vec<&'a Message>,
}

struct Frame<'a> {
    items: std::slice::Iter<'a, Item>,
    imports: std::slice::Iter<'a, Option<usize>>,
    /// Messages pass from protocol to protocol only.
    messages: bool,
}

fn frame(project: &Project, index: usize, messages: bool) -> Option<Frame<'_>> {
    let File { items, protocol, .. } = project.files.get(index)?;
    let imports = project.imports.get(index)?.iter();
    Some(Frame { items: items.iter(), imports, messages: messages && protocol.is_some() })
}

pub(super) fn reach(project: &Project, index: usize) -> Reach<'_> {
    let mut reach = Reach::default();
    let mut visited = HashSet::from([index]);
    let mut types: HashSet<&str> = HashSet::new();
    let mut messages: HashMap<&str, usize> = HashMap::new();
    // A stack of our own: chains of imports may be long.
    let mut stack: Vec<Frame<'_>> = frame(project, index, true).into_iter().collect();
    while let Some(top) = stack.last_mut() {
        match top.items.next() {
            None => {
                stack.pop();
            }
            Some(Item::Import(_)) => {
                let target = top.imports.next().copied().flatten();
                let with_messages = top.messages;
                if let Some(target) = target
                    && visited.insert(target)
                {
                    stack.extend(frame(project, target, with_messages));
                }
            }
            Some(Item::Definition(definition)) => {
                if types.insert(&definition.full_name) {
                    reach.types.push(definition);
                }
            }
            Some(Item::Message(message)) if top.messages => {
                let at = *messages.entry(&message.name).or_insert(reach.messages.len());
                match reach.messages.get_mut(at) {
                    Some(earlier) => *earlier = message,
                    None => reach.messages.push(message),
                }
            }
            Some(Item::Message(_)) => {}
        }
    }
    reach
}
