//! PNG pictures as Chromium writes them: reading their pixels, and writing them with a palette, which is much smaller.

use std::collections::HashMap;
use std::io::{Read, Write};

use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

type Colour = [u8; 3];

/// A picture.
pub struct Picture {
    pub width: usize,
    pub pixels: Vec<Colour>,
}

fn number(bytes: &[u8]) -> usize {
    u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize
}

impl Picture {
    /// Reads a picture of eight bits a channel, with or without transparency, which is left out.
    pub fn read(bytes: &[u8]) -> Self {
        let (mut width, mut channels, mut packed, mut at) = (0, 3, Vec::new(), 8);
        while at < bytes.len() {
            let (length, kind) = (number(&bytes[at..]), &bytes[at + 4..at + 8]);
            let data = &bytes[at + 8..at + 8 + length];
            match kind {
                b"IHDR" => {
                    assert!(data[8] == 8 && matches!(data[9], 2 | 6) && data[12] == 0, "{data:?}");
                    (width, channels) = (number(data), if data[9] == 2 { 3 } else { 4 });
                }
                b"IDAT" => packed.extend_from_slice(data),
                _ => {}
            }
            at += 12 + length;
        }
        let mut raw = Vec::new();
        ZlibDecoder::new(packed.as_slice()).read_to_end(&mut raw).unwrap();
        let mut before = vec![0; width * channels];
        let mut pixels = Vec::new();
        for row in raw.chunks_exact(width * channels + 1) {
            before = unfiltered(row[0], &row[1..], &before, channels);
            pixels.extend(before.chunks_exact(channels).map(|pixel| [pixel[0], pixel[1], pixel[2]]));
        }
        Self { width, pixels }
    }

    /// The same with the 256 colours that are most used.
    pub fn with_palette(&self) -> Vec<u8> {
        let mut uses: HashMap<Colour, u64> = HashMap::new();
        for pixel in &self.pixels {
            *uses.entry(*pixel).or_default() += 1;
        }
        let mut palette: Vec<(Colour, u64)> = uses.iter().map(|(colour, count)| (*colour, *count)).collect();
        palette.sort_unstable_by_key(|(colour, count)| (std::cmp::Reverse(*count), *colour));
        palette.truncate(256);
        let distance = |a: Colour, b: Colour| -> u32 {
            a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        let nearest = |colour: Colour| {
            let places = palette.iter().enumerate();
            places.min_by_key(|(_, (known, _))| distance(*known, colour)).unwrap().0 as u8
        };
        let places: HashMap<Colour, u8> = uses.keys().map(|colour| (*colour, nearest(*colour))).collect();

        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        for row in self.pixels.chunks_exact(self.width) {
            packed.write_all(&[0]).unwrap();
            packed.write_all(&row.iter().map(|pixel| places[pixel]).collect::<Vec<u8>>()).unwrap();
        }
        let size = [self.width, self.pixels.len() / self.width].map(|side| (side as u32).to_be_bytes());
        let colours: Vec<u8> = palette.iter().flat_map(|(colour, _)| *colour).collect();
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(chunk(b"IHDR", &[size.concat().as_slice(), &[8, 3, 0, 0, 0]].concat()));
        file.extend(chunk(b"PLTE", &colours));
        file.extend(chunk(b"IDAT", &packed.finish().unwrap()));
        file.extend(chunk(b"IEND", &[]));
        file
    }
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let content = [kind, data].concat();
    let mut sum = Crc::new();
    sum.update(&content);
    [&(data.len() as u32).to_be_bytes(), content.as_slice(), &sum.sum().to_be_bytes()].concat()
}

/// A row as it was before the filter that made it smaller.
fn unfiltered(filter: u8, row: &[u8], above: &[u8], channels: usize) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::with_capacity(row.len());
    for (at, value) in row.iter().enumerate() {
        let (left, up, corner) = match at.checked_sub(channels) {
            Some(left) => (plain[left], above[at], above[left]),
            None => (0, above[at], 0),
        };
        let guess = match filter {
            0 => 0,
            1 => left,
            2 => up,
            3 => left.midpoint(up),
            _ => paeth(left, up, corner),
        };
        plain.push(value.wrapping_add(guess));
    }
    plain
}

/// The neighbour that is nearest to left + up - corner.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let sum = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |value: u8| (sum - i16::from(value)).abs();
    [left, up, corner].into_iter().min_by_key(|value| far(*value)).unwrap()
}
