//! The client against a scripted server on a real socket.

mod reading;
mod repeating;
mod server;
mod writing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use server::{Answer, Server};

use super::*;
use crate::secret::Secret;
use crate::stop::Stop;

const API_KEY: &str = "0123456789abcdef0123456789abcdef";
const APP_KEY: &str = "fedcba9876543210fedcba9876543210fedcba98";

fn credentials() -> Credentials {
    Credentials { api_key: Secret::new(API_KEY).unwrap(), app_key: Secret::new(APP_KEY).unwrap() }
}

/// What a client did besides calling.
#[derive(Clone, Default)]
struct Log {
    waits: Arc<Mutex<Vec<Duration>>>,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// Options under which nothing really waits.
    fn options(&self) -> Options {
        let (waits, notices) = (Arc::clone(&self.waits), Arc::clone(&self.notices));
        let clock = Clock::skipping().0.observed(move |wait| waits.lock().unwrap().push(wait));
        Options {
            retry: Retry { clock, ceiling: Duration::from_secs(60), ..Retry::default() },
            notices: Arc::new(move |line| notices.lock().unwrap().push(line.to_owned())),
            timeout: Duration::from_secs(10),
            stop: Stop::default(),
        }
    }

    fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().iter().map(Duration::as_secs).collect()
    }

    fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }
}

fn writer(url: &str, log: &Log) -> Writer {
    Writer::with(Endpoint::api_url(url).unwrap(), credentials(), log.options()).unwrap()
}

fn reader(url: &str) -> Reader {
    writer(url, &Log::default()).reader()
}

fn document(json: &str) -> crate::model::Document {
    serde_json::from_str(json).unwrap()
}
