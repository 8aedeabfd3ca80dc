//! Query parameters of control endpoints.

use percent_encoding::percent_decode_str;

/// The query of a request.
#[derive(Debug)]
pub(super) struct Query(String);

/// A parameter that cannot be what it is; the text says what it must be.
#[derive(Debug)]
pub(super) struct BadParameter(pub(super) String);

impl Query {
    /// Of a text as it came, without the question mark.
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// The value of a parameter, unless it is missing or empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next().filter(|text| !text.is_empty())
    }

    /// A parameter that is a whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, BadParameter> {
        let bad = |_| BadParameter(format!("{name} must be a whole number"));
        self.text(name).map(|text| text.parse().map_err(bad)).transpose()
    }

    /// Whether a parameter is `true`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.text(name).as_deref() == Some("true")
    }
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::new("a=1&b=x%20y&a=2&c=&d=true&e");
        assert_eq!(query.all("a"), ["1", "2"]);
        assert_eq!(query.text("b").as_deref(), Some("x y"));
        assert_eq!((query.text("c"), query.text("e")), (None, None));
        assert_eq!(query.number("a").unwrap(), Some(1));
        assert!(query.number("b").unwrap_err().0.contains("b must be a whole number"));
        assert!(query.is("d") && !query.is("a"));
    }
}
