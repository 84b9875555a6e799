//! From a recording's name, which may be anything, to a file name that is safe everywhere.

use crate::sha256_text;

const LONGEST: usize = 64;
/// Hexadecimal digits of the name's hash in a file name: 48 bits.
const DIGITS: usize = 12;

/// The clip file of a recording: `NAME.safetensors` where the name is made of ASCII letters, digits, `-` and `_` alone;
/// else with other characters replaced and a hash of the name behind, so that two recordings never share a file.
pub fn file_name(recording: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain = recording.chars().all(is_safe) && (1..=LONGEST).contains(&recording.len());
    if plain && !recording.starts_with('-') && !looks_hashed(recording) {
        return format!("{recording}.safetensors");
    }
    let safe: String = recording.chars().map(|c| if is_safe(c) { c } else { '_' }).take(LONGEST).collect();
    let safe = safe.trim_start_matches('-');
    let safe = if safe.is_empty() { "_" } else { safe };
    let hash = sha256_text(recording);
    format!("{safe}-{}.safetensors", &hash[..DIGITS])
}

/// A plain name that could be taken for one with a hash behind gets a hash of its own.
fn looks_hashed(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == DIGITS && end.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}
