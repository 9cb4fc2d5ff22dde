//! Resource ids, which show the container that an item is in.
//!
//! A `_rid` is base64 with `-` instead of `/`. That of a container has 8 bytes (4 for the database, 4 for the container), that of
//! an item 16, which begin with the 8 of its container (`ResourceId` in the service's SDKs). A recreated container has a
//! different `_rid`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const CONTAINER_BYTES: usize = 8;
const ITEM_BYTES: usize = 16;

/// Whether an item is in a container, by their `_rid`; `None` if either does not have this form.
pub(super) fn is_within(item: &str, container: &str) -> Option<bool> {
    let container = decode(container).filter(|bytes| bytes.len() == CONTAINER_BYTES)?;
    let item = decode(item).filter(|bytes| bytes.len() == ITEM_BYTES)?;
    Some(item.starts_with(&container))
}

fn decode(rid: &str) -> Option<Vec<u8>> {
    STANDARD.decode(rid.replace('-', "/")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_names_its_container() {
        let rid = |bytes: &[u8]| STANDARD.encode(bytes).replace('/', "-");
        let container = [0xff, 0xff, 0, 1, 0x80, 0, 0, 2];
        let item = |container: [u8; 8]| rid(&[container, [0xff, 9, 9, 9, 9, 9, 9, 9]].concat());
        let other = [0xff, 0xff, 0, 1, 0x80, 0, 0, 3];
        for (name, item, container, expected) in [
            ("same container", item(container), rid(&container), Some(true)),
            ("other container", item(other), rid(&container), Some(false)),
            ("of a container", rid(&container), rid(&container), None),
            ("too short", rid(&[1; 4]), rid(&container), None),
            ("not base64", "?".to_owned(), rid(&container), None),
            ("empty", String::new(), rid(&container), None),
            ("container unknown", item(container), String::new(), None),
        ] {
            assert_eq!(is_within(&item, &container), expected, "{name}");
        }
    }
}
