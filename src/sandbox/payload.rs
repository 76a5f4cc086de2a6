//! Reading requests: bodies in any encoding the official clients send, and query parameters.

use std::io::Read;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::reply::Refusal;

/// The largest body, before and after decompression.
const LIMIT: usize = 3 << 20;

/// How much of a too large body is read and thrown away, so that a client that writes before it reads
/// sees the 413 and not a broken pipe.
const DRAIN: usize = 64 << 20;

/// A request body, decompressed.
pub(super) struct Payload(Vec<u8>);

impl Payload {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        // Not recorded: the case that the recordings call "Invalid JSON" is valid JSON with a bad query.
        serde_json::from_slice(&self.0).map_err(|_| Refusal::bad("Invalid JSON structure"))
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Refusal> {
        match self.json()? {
            Value::Object(map) => Ok(map),
            _ => Err(Refusal::bad("Invalid JSON structure")),
        }
    }

    /// The body as a JSON object; no body is an empty one.
    pub(super) fn object_or_empty(&self) -> Result<Map<String, Value>, Refusal> {
        if self.0.iter().all(u8::is_ascii_whitespace) { Ok(Map::new()) } else { self.object() }
    }
}

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let raw = read(body).await?;
        decode(&parts.headers, raw).map(Self)
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut kept = Vec::new();
    let mut seen = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::bad("the request body ended early"))?;
        seen = seen.saturating_add(chunk.len());
        if seen <= LIMIT {
            kept.extend_from_slice(&chunk);
        } else if seen > DRAIN {
            break;
        } else {
            kept = Vec::new();
        }
    }
    if seen > LIMIT { Err(too_large()) } else { Ok(kept) }
}

/// `Content-Encoding` as the official clients send it: `datadog` says `deflate` for zlib data,
/// `datadog-api-client` also says `gzip` and `zstd1`.
fn decode(headers: &HeaderMap, raw: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.trim().to_ascii_lowercase());
    match encoding.as_deref() {
        None | Some("" | "identity") => Ok(raw),
        Some("gzip" | "x-gzip") => inflate(flate2::read::MultiGzDecoder::new(raw.as_slice())),
        Some("deflate") => match inflate(flate2::read::ZlibDecoder::new(raw.as_slice())) {
            // Some clients take the name literally and send a bare deflate stream.
            Err(refusal) if raw.first() != Some(&0x78) => {
                inflate(flate2::read::DeflateDecoder::new(raw.as_slice())).or(Err(refusal))
            }
            done => done,
        },
        Some("zstd1" | "zstd") => match ruzstd::decoding::StreamingDecoder::new(raw.as_slice()) {
            Ok(decoder) => inflate(decoder),
            Err(_) => Err(undecodable()),
        },
        Some(_) => Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported content encoding")),
    }
}

fn inflate(reader: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    // One byte more than allowed tells a full body from a bomb.
    reader.take(LIMIT as u64 + 1).read_to_end(&mut plain).map_err(|_| undecodable())?;
    if plain.len() > LIMIT { Err(too_large()) } else { Ok(plain) }
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large")
}

fn undecodable() -> Refusal {
    Refusal::bad("the request body cannot be decompressed")
}

/// The query parameters, in order.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// The first value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a flag is given as true.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.get(name)
            .map(|value| value.parse().map_err(|_| Refusal::parameter(name, "not a whole number")))
            .transpose()
    }

    /// A comma-separated list without its empty items.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let value = self.get(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Self(pairs))
            .map_err(|_| Refusal::bad("Invalid query string"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;

    use super::*;

    fn headers(encoding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))])
    }

    #[test]
    fn zlib_and_bare_deflate_are_both_deflate() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(b"{\"a\":1}").unwrap();
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(b"{\"a\":1}").unwrap();
        for raw in [zlib.finish().unwrap(), bare.finish().unwrap()] {
            assert_eq!(decode(&headers("deflate"), raw).unwrap(), b"{\"a\":1}");
        }
    }

    #[test]
    fn gzip_and_zstd_are_read() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"plain").unwrap();
        assert_eq!(decode(&headers("GZIP"), gzip.finish().unwrap()).unwrap(), b"plain");
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(&b"plain"[..], level);
        assert_eq!(decode(&headers("zstd1"), zstd).unwrap(), b"plain");
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![b' '; LIMIT + 1]).unwrap();
        assert!(decode(&headers("gzip"), gzip.finish().unwrap()).is_err());
    }

    #[test]
    fn rubbish_is_refused() {
        for encoding in ["gzip", "deflate", "zstd1", "br"] {
            assert!(decode(&headers(encoding), b"rubbish".to_vec()).is_err(), "{encoding}");
        }
    }
}
