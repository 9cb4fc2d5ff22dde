//! The DAL content of an attestation: from its JSON form, a decimal number, to the bytes that are signed. Pure.

use thiserror::Error;

/// The most digits of a DAL content. Today's protocols use at most 160 slots and 5 lags, which is about 250 digits.
const MAX_DIGITS: usize = 1024;

/// DAL content as it is signed: a signed number of variable length (`data-encoding`, `binary_writer.ml`, `z`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DalContent(Vec<u8>);

impl DalContent {
    /// The signed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A text that is not a natural number of a plausible length.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the DAL content is not a decimal number of at most {MAX_DIGITS} digits")]
pub struct NotANumber;

impl std::str::FromStr for DalContent {
    type Err = NotANumber;

    fn from_str(decimal: &str) -> Result<Self, NotANumber> {
        let is_number = !decimal.is_empty() && decimal.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || decimal.len() > MAX_DIGITS {
            return Err(NotANumber);
        }
        // Groups of bits, least significant first: six in the first byte, which also has the sign, and seven in each other one.
        let mut groups = vec![0_u8];
        for digit in decimal.bytes() {
            let mut carry = u32::from(digit - b'0');
            for (index, group) in groups.iter_mut().enumerate() {
                let bits = if index == 0 { 6 } else { 7 };
                let value = u32::from(*group) * 10 + carry;
                *group = u8::try_from(value & ((1 << bits) - 1)).unwrap_or_default();
                carry = value >> bits;
            }
            while carry > 0 {
                groups.push(u8::try_from(carry & 0x7f).unwrap_or_default());
                carry >>= 7;
            }
        }
        let last = groups.len() - 1;
        for group in groups.iter_mut().take(last) {
            *group |= 0x80;
        }
        Ok(Self(groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_number_becomes_what_is_signed() {
        for (decimal, bytes) in [
            ("0", "00"),
            ("00", "00"),
            ("1", "01"),
            ("63", "3f"),
            ("64", "8001"),
            // From the encoding tests of Octez.
            ("2048", "8020"),
            ("4096", "8040"),
            ("8191", "bf7f"),
            ("8192", "808001"),
            ("18446744073709551616", "80808080808080808004"),
        ] {
            let content: DalContent = decimal.parse().unwrap();
            assert_eq!(hex::encode(content.as_bytes()), bytes, "{decimal}");
        }
        let longest = "9".repeat(MAX_DIGITS);
        assert!(longest.parse::<DalContent>().is_ok());
        for text in ["", "-1", "+1", "1e3", "0x1", " 1", &"1".repeat(MAX_DIGITS + 1)] {
            assert_eq!(text.parse::<DalContent>(), Err(NotANumber), "{text}");
        }
    }
}
