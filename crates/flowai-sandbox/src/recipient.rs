//! Who a broadcast goes to: recipients in a request, and the members of a segment in a seed.

use serde_json::{Map, Value};

use crate::part::{Part, Problem};

/// One person on one channel.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(crate) name: String,
    /// The phone number or the identifier.
    pub(crate) address: String,
    pub(crate) profile: Option<Map<String, Value>>,
}

impl Recipient {
    /// Reads `{name, phoneNumber | identifier, profile?}`.
    pub(crate) fn read(part: &Part<'_>) -> Result<Self, Problem> {
        part.object()?;
        let address = match (part.member("phoneNumber"), part.member("identifier")) {
            (Some(number), None) => phone_number(&number)?,
            (None, Some(identifier)) => identifier.filled()?,
            _ => return Err(part.wrong("must have either a phoneNumber or an identifier")),
        };
        let profile = part.member("profile");
        let profile = profile.map(|profile| profile.object()).transpose()?;
        Ok(Self {
            name: part.required("name")?.filled()?.to_owned(),
            address: address.to_owned(),
            profile: profile.cloned(),
        })
    }
}

/// An international number (E.164): a plus and up to 15 digits, the first of them not 0.
fn phone_number<'a>(part: &Part<'a>) -> Result<&'a str, Problem> {
    let number = part.text()?;
    let digits = number.strip_prefix('+').unwrap_or_default();
    let good = (2..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if good {
        Ok(number)
    } else {
        Err(part.wrong("must be a plus and 2 to 15 digits, the first of them not 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn phone_numbers_are_international() {
        for (number, good) in [
            ("+31612345678", true),
            ("+10", true),
            ("+123456789012345", true),
            ("+1234567890123456", false),
            ("+1", false),
            ("+0612345678", false),
            ("31612345678", false),
            ("+31 612345678", false),
            ("+٣١٦", false),
            ("", false),
        ] {
            let document = json!({"name": "John Doe", "phoneNumber": number});
            let read = Recipient::read(&Part::root(&document, "it"));
            assert_eq!(read.is_ok(), good, "{number}");
        }
    }
}
