//! Query parameters of control endpoints.

use jiff::{Span, SpanRelativeTo, Timestamp};

/// The query of a request.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

/// An invalid parameter; the text names the expected form.
#[derive(Debug)]
pub(super) struct BadParameter(pub(super) String);

impl Query {
    /// Parses a query, without the question mark.
    pub(super) fn new(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.clone()).collect()
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

    /// A parameter that is a time, or a duration before `now`, such as `15m` or `1d`.
    pub(super) fn time(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, BadParameter> {
        let before = |text: &str| {
            let span = text.parse::<Span>().ok()?;
            let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
            now.checked_sub(duration).ok()
        };
        let parse = |text: String| {
            text.parse().ok().or_else(|| before(&text)).ok_or_else(|| {
                BadParameter(format!(
                    "{name} `{text}` is neither a duration, such as `15m`, `2h` or `1d`, nor a \
                     time with its offset, such as `2026-11-22T10:00:00Z`"
                ))
            })
        };
        self.text(name).map(parse).transpose()
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

    #[test]
    fn times_are_absolute_or_before_now() {
        let query = Query::new("a=15m&b=2026-11-22T10:00:00Z&c=yesterday&d=1mo");
        let now = "2026-11-22T11:00:00Z".parse().unwrap();
        let time = |name| query.time(name, now).unwrap().map(|time| time.to_string());
        assert_eq!(time("a").as_deref(), Some("2026-11-22T10:45:00Z"));
        assert_eq!(time("b").as_deref(), Some("2026-11-22T10:00:00Z"));
        assert_eq!(time("e"), None);
        for name in ["c", "d"] {
            let error = query.time(name, now).unwrap_err().0;
            assert!(error.contains("is neither a duration"), "{error}");
        }
    }
}
