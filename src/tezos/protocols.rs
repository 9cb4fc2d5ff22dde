//! The protocols whose payloads this release decodes.

use super::ProtocolHash;

/// The protocols, each with its name. Payloads are decoded by watermark byte and content tag: of other protocols, those in an unknown
/// form are refused. The last one is that of test networks for the protocol in development.
const KNOWN: [(&str, &str); 4] = [
    ("Seoul (023)", "PtSeouLouXkxhg39oWzjxDWaCydNfR3RxCUrNe4Q9Ro8BTehcbh"),
    ("Tallinn (024)", "PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu"),
    ("Ushuaia (025)", "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY"),
    ("Alpha", "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK"),
];

impl ProtocolHash {
    /// The name of the protocol, if this release decodes all of its payloads.
    pub fn known_name(&self) -> Option<&'static str> {
        let text = self.to_string();
        KNOWN.iter().find(|(_, hash)| *hash == text).map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_protocols_are_those_of_the_compatibility_page() {
        for (name, hash) in KNOWN {
            assert_eq!(hash.parse::<ProtocolHash>().unwrap().known_name(), Some(name));
        }
        let page = include_str!("../../docs/compatibility.md");
        let header = page.lines().find(|line| line.starts_with("| |")).unwrap();
        let names: Vec<_> = header.split('|').map(str::trim).filter(|name| !name.is_empty()).collect();
        let released: Vec<_> = KNOWN.iter().map(|(name, _)| *name).filter(|name| *name != "Alpha").collect();
        assert_eq!(names, released);
        // Of protocol 022.
        let older: ProtocolHash = "PsRiotumaAMotcRoDWW1bysEhQy2n1M5fy8JgRp8jjRfHGmfeA7".parse().unwrap();
        assert_eq!(older.known_name(), None);
    }
}
