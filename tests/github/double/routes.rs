//! What each call does and is answered with.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, Uri};
use serde_json::{Value, json};

use super::World;
use super::archive::archive_of;
use super::repository::{Data, comment, issue, text, time, user};

/// A status and a body.
type Reply = (u16, Value);

fn not_found() -> Reply {
    (404, json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}))
}

pub(super) fn answer(
    world: &mut World,
    method: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    let parts: Vec<String> = uri.path().split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    if let ["codeload", owner, name, commit] = parts[..] {
        return codeload(world, &format!("{owner}/{name}"), commit, authorization);
    }
    let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let query = |name: &str| {
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decoded(value))
    };
    let login = world.tokens.get(token).cloned();
    let is_app = token.split('.').count() == 3 && !world.slug.is_empty();
    let reply = match (method, &parts[..], login) {
        (_, ["app", ..], _) | ("GET", ["repos", _, _, "installation"], _) if is_app => {
            app(world, method, &parts, query("cursor"))
        }
        (_, _, None) => (401, json!({"message": "Bad credentials"})),
        ("GET", ["user"], Some(login)) if login.ends_with("[bot]") => {
            (403, json!({"message": "Resource not accessible by integration"}))
        }
        ("GET", ["user"], Some(login)) => (200, user(&login)),
        ("POST", ["graphql"], Some(login)) => (200, json!({"data": {"viewer": {"login": login}}})),
        (_, ["repos", owner, name, rest @ ..], Some(login)) => {
            let (name, id) = (format!("{owner}/{name}"), world.last + 1);
            let url = format!("{}/codeload/{name}", world.url);
            let known = world.repositories.keys().find(|known| known.eq_ignore_ascii_case(&name)).cloned();
            match known.and_then(|name| world.repositories.get_mut(&name)) {
                None => not_found(),
                Some(data) => {
                    if let ("GET", ["tarball", commit]) = (method, rest) {
                        return Response::builder()
                            .status(302)
                            .header("location", format!("{url}/{commit}"))
                            .body(Body::empty())
                            .unwrap();
                    }
                    let context = Context { name: &name, login: &login, id };
                    let reply = repository(data, &context, method, rest, &query, &body);
                    world.last += 1;
                    reply
                }
            }
        }
        _ => not_found(),
    };
    let page = world.page.unwrap_or(100);
    paged(reply, page, &query)
}

struct Context<'a> {
    name: &'a str,
    login: &'a str,
    /// For what is created.
    id: u64,
}

fn app(world: &mut World, method: &str, parts: &[&str], cursor: Option<String>) -> Reply {
    match (method, parts) {
        ("GET", ["app"]) => (200, json!({"id": 1, "slug": world.slug, "name": "Bellwether"})),
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            let known = world.repositories.values().any(|data| data.installation == id.parse().ok());
            if !known {
                return not_found();
            }
            let token = format!("installation-{}", world.next());
            world.tokens.insert(token.clone(), format!("{}[bot]", world.slug));
            (
                201,
                json!({"token": token, "expires_at": "2099-01-01T00:00:00Z", "permissions": {"contents": "read"}}),
            )
        }
        ("GET", ["app", "hook", "deliveries"]) => {
            let is_before = |found: &&Value| {
                cursor.as_ref().is_some_and(|cursor| cursor_of(found) != Some(cursor.clone()))
            };
            (200, world.deliveries.iter().skip_while(is_before).cloned().collect())
        }
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) => deliver_again(world, id),
        ("GET", ["repos", owner, name, "installation"]) => {
            let data = world.repositories.get(&format!("{owner}/{name}"));
            match data.and_then(|data| data.installation) {
                Some(id) => (200, json!({"id": id})),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

/// The cursor of the page that begins with this delivery.
fn cursor_of(delivery: &Value) -> Option<String> {
    delivery["guid"].as_str().map(|_| format!("v1_{}", delivery["id"]))
}

fn deliver_again(world: &mut World, id: &str) -> Reply {
    let Some(found) = world.deliveries.iter().find(|found| found["id"].as_u64() == id.parse().ok()) else {
        return not_found();
    };
    let mut again = found.clone();
    if let Some(hook) = &world.hook {
        let status = hook(&text(&again["guid"]), &text(&again["event"]), &again["payload"]);
        let id = world.next();
        let times = world.deliveries.iter().map(|found| text(&found["delivered_at"]));
        let newest: jiff::Timestamp = times.chain([time(id)]).max().unwrap_or_default().parse().unwrap();
        again["id"] = json!(id);
        again["status_code"] = json!(status);
        again["delivered_at"] = json!((newest + jiff::SignedDuration::from_secs(1)).to_string());
        again["redelivery"] = json!(true);
        world.deliveries.insert(0, again);
    }
    (202, json!({}))
}

fn repository(
    data: &mut Data,
    context: &Context<'_>,
    method: &str,
    rest: &[&str],
    query: &dyn Fn(&str) -> Option<String>,
    body: &Value,
) -> Reply {
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    match (method, rest) {
        ("GET", []) => {
            (200, json!({"full_name": context.name, "default_branch": "main", "private": !data.public}))
        }
        ("GET", ["pulls", n]) => {
            data.pulls.get(&number(n)).map_or_else(not_found, |pull| (200, pull.clone()))
        }
        ("GET", ["pulls", n, "files"]) => {
            (200, Value::Array(data.files.get(&number(n)).cloned().unwrap_or_default()))
        }
        ("GET", ["pulls", n, "reviews"]) => {
            (200, Value::Array(data.reviews.get(&number(n)).cloned().unwrap_or_default()))
        }
        ("GET", ["collaborators", login, "permission"]) => {
            let permission = data.permissions.get(*login).map_or("none", String::as_str);
            (200, json!({"permission": permission, "role_name": permission, "user": user(login)}))
        }
        ("GET", ["branches", branch]) => data
            .branches
            .get(*branch)
            .map_or_else(not_found, |sha| (200, json!({"name": branch, "commit": {"sha": sha}}))),
        ("GET", ["commits", sha, "check-runs"]) => {
            let name = query("check_name");
            let fits = |run: &&Value| {
                run["head_sha"] == *sha && name.as_ref().is_none_or(|name| run["name"] == name.as_str())
            };
            let runs: Vec<Value> = data.check_runs.iter().filter(fits).cloned().collect();
            (200, json!({"total_count": runs.len(), "check_runs": runs}))
        }
        ("GET", ["compare", range]) => {
            let (base, head) = range.split_once("...").unwrap_or_default();
            let common = data.left_at.get(head).map_or(base, String::as_str);
            (200, json!({"merge_base_commit": {"sha": common}, "files": []}))
        }
        ("GET", ["pulls"]) => {
            let (state, base) = (query("state").unwrap_or_default(), query("base").unwrap_or_default());
            let fits =
                |pull: &&Value| pull["state"] == state.as_str() && pull["base"]["ref"] == base.as_str();
            (200, data.pulls.values().filter(fits).cloned().collect())
        }
        ("GET", ["commits", sha, "pulls"]) => {
            let merged = data.pulls.values().filter(|pull| pull["merge_commit_sha"] == *sha);
            (200, merged.cloned().collect())
        }
        ("GET", ["commits", sha, "status"]) => {
            let of = data.statuses.iter().filter(|(commit, _)| commit == sha);
            let statuses: Vec<&Value> = of.map(|(_, status)| status).collect();
            (200, json!({"state": "pending", "statuses": statuses}))
        }
        ("POST", ["check-runs"]) => check_run(data, context, body),
        ("PATCH", ["check-runs", id]) => {
            let found = data.check_runs.iter_mut().find(|run| run["id"] == number(id));
            found.map_or_else(not_found, |run| write_check_run(run, body))
        }
        (_, ["issues", ..]) => issues(data, context, method, &rest[1..], body),
        _ => not_found(),
    }
}

fn issues(data: &mut Data, context: &Context<'_>, method: &str, rest: &[&str], body: &Value) -> Reply {
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    let too_long = text(&body["body"]).chars().count() > 65_536;
    if too_long {
        return (
            422,
            json!({"message": "Validation Failed", "errors": [{"message": "body is too long (maximum is 65536 characters)"}]}),
        );
    }
    match (method, rest) {
        ("GET", []) => {
            let open = data.issues.values().filter(|issue| issue["state"] == "open").cloned();
            let pulls = data.pulls.values().filter(|pull| pull["state"] == "open").cloned();
            let pulls = pulls.map(|mut pull| {
                pull["pull_request"] = json!({"url": "x"});
                pull
            });
            let mut all: Vec<Value> = open.chain(pulls).collect();
            all.sort_by_key(|issue| std::cmp::Reverse(issue["updated"].as_u64()));
            (200, Value::Array(all))
        }
        ("POST", []) => {
            let value =
                issue(context.name, context.id, context.login, &text(&body["title"]), &text(&body["body"]));
            data.issues.insert(context.id, value.clone());
            (201, value)
        }
        ("PATCH", [n]) => match data.issues.get_mut(&number(n)) {
            None => not_found(),
            Some(issue) => {
                for field in ["title", "body", "state"] {
                    if !body[field].is_null() {
                        issue[field] = body[field].clone();
                    }
                }
                issue["updated"] = json!(context.id);
                (200, issue.clone())
            }
        },
        ("GET", [n, "comments"]) => {
            let of = data.comments.iter().filter(|(on, _)| *on == number(n));
            (200, of.map(|(_, comment)| comment.clone()).collect())
        }
        ("POST", [n, "comments"]) => {
            let n = number(n);
            if !data.pulls.contains_key(&n) && !data.issues.contains_key(&n) {
                return not_found();
            }
            let value = comment(context.name, context.id, context.login, &text(&body["body"]));
            data.comments.push((n, value.clone()));
            (201, value)
        }
        ("PATCH", ["comments", id]) => {
            let found = data.comments.iter_mut().find(|(_, comment)| comment["id"] == number(id));
            found.map_or_else(not_found, |(_, comment)| {
                comment["body"] = body["body"].clone();
                comment["updated_at"] = json!(time(context.id));
                (200, comment.clone())
            })
        }
        ("POST", ["comments", id, "reactions"]) => {
            let reaction = (number(id), context.login.to_owned(), text(&body["content"]));
            if data.reactions.contains(&reaction) {
                return (200, json!({"id": 1}));
            }
            data.reactions.push(reaction);
            (201, json!({"id": 1}))
        }
        _ => not_found(),
    }
}

fn check_run(data: &mut Data, context: &Context<'_>, body: &Value) -> Reply {
    let slug = context.login.trim_end_matches("[bot]");
    let mut run = json!({"id": context.id, "name": body["name"], "head_sha": body["head_sha"], "status": "queued",
        "conclusion": null, "external_id": null, "app": {"slug": slug}, "output": {"annotations": []}});
    let reply = write_check_run(&mut run, body);
    if reply.0 == 200 {
        data.check_runs.push(run);
        return (201, reply.1);
    }
    reply
}

fn write_check_run(run: &mut Value, body: &Value) -> Reply {
    let invalid = |message: &str| (422, json!({"message": "Invalid request", "errors": [message]}));
    for field in ["status", "external_id", "details_url"] {
        if !body[field].is_null() {
            run[field] = body[field].clone();
        }
    }
    if !body["conclusion"].is_null() {
        run["conclusion"] = body["conclusion"].clone();
        run["status"] = json!("completed");
    }
    for field in ["title", "summary", "text"] {
        if text(&body["output"][field]).chars().count() > 65_535 {
            return invalid("Only 65535 characters are allowed");
        }
        if !body["output"][field].is_null() {
            run["output"][field] = body["output"][field].clone();
        }
    }
    let new = body["output"]["annotations"].as_array().cloned().unwrap_or_default();
    if new.len() > 50 {
        return invalid("No more than 50 items are allowed");
    }
    if let Some(annotations) = run["output"]["annotations"].as_array_mut() {
        annotations.extend(new);
    }
    (200, run.clone())
}

/// One page of a list, with a link to the next.
fn paged(reply: Reply, most: usize, query: &dyn Fn(&str) -> Option<String>) -> Response<Body> {
    let (status, mut body) = reply;
    let number = |name: &str| query(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(30).min(most);
    let page = number("page").unwrap_or(1);
    let (mut more, mut cursor) = (false, None);
    let list = match &mut body {
        Value::Array(list) => Some(list),
        Value::Object(fields) => {
            let key = ["check_runs", "statuses"].into_iter().find(|key| fields.contains_key(*key));
            key.and_then(|key| fields.get_mut(key)).and_then(Value::as_array_mut)
        }
        _ => None,
    };
    if let Some(list) = list {
        more = list.len() > page * size;
        cursor = list.get(page * size).and_then(cursor_of);
        *list = list.iter().skip((page - 1) * size).take(size).cloned().collect();
    }
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .header("x-ratelimit-limit", "5000")
        .header("x-ratelimit-remaining", "4242");
    if more {
        // GitHub's links have another path than the one that was asked for.
        let query =
            cursor.map_or_else(|| "page=2".to_owned(), |cursor| format!("per_page=1&cursor={cursor}"));
        response = response.header(
            "link",
            format!(
                "<https://elsewhere.invalid/1?cursor=0>; rel=\"prev\", <https://elsewhere.invalid/1?{query}>; rel=\"next\""
            ),
        );
    }
    response.body(Body::from(body.to_string())).unwrap()
}

/// Where archives are: another host in truth, which must not see a token.
fn codeload(world: &World, name: &str, commit: &str, authorization: Option<&str>) -> Response<Body> {
    let answer =
        |status: u16, body: Vec<u8>| Response::builder().status(status).body(Body::from(body)).unwrap();
    if authorization.is_some() {
        return answer(400, b"a token was sent to another host".to_vec());
    }
    let Some(data) = world.repositories.get(name) else { return answer(404, Vec::new()) };
    if let Some(bytes) = data.archives.get(commit) {
        return answer(200, bytes.clone());
    }
    let Some(files) = data.commits.get(commit) else { return answer(404, Vec::new()) };
    let directory = format!("{}-{}", name.replace('/', "-"), &commit[..7]);
    let files = files.iter().map(|(path, content)| (path.as_str(), content.as_slice()));
    answer(200, archive_of(&directory, commit, files))
}

/// A percent-encoded text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
