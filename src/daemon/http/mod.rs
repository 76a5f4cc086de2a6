//! stub
pub enum Encoding {
    Json,
    SingleObject,
}
pub struct Refusal {
    pub unknown_record: bool,
    pub cause: &'static str,
    pub message: String,
}
pub trait EventSink: Send + Sync {
    fn post(&self, record: &str, body: &[u8], encoding: Encoding) -> Result<u64, Refusal>;
}
