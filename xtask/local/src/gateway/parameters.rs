//! Parameters of a request, and the check of the required ones.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;

/// The media type of the body without parameters, in lower case; JSON by default, as at API
/// Gateway.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .and_then(|value| value.split(';').next().map(|kind| kind.trim().to_ascii_lowercase()))
        .filter(|kind| !kind.is_empty())
        .unwrap_or_else(|| "application/json".to_owned())
}

/// The query's parameters, decoded, in order.
pub(super) fn query(parts: &Parts) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The names of required parameters that are missing, from locations like
/// `method.request.path.userId`.
pub(super) fn missing<'a>(
    required: &'a [String],
    parts: &Parts,
    path_parameters: &[(String, String)],
) -> Vec<&'a str> {
    required
        .iter()
        .filter_map(|location| {
            let (place, name) = location.strip_prefix("method.request.")?.split_once('.')?;
            let present = match place {
                "path" => {
                    path_parameters.iter().any(|(known, value)| known == name && !value.is_empty())
                }
                "querystring" => query(parts).iter().any(|(known, _)| known == name),
                "header" => parts.headers.contains_key(name),
                _ => true,
            };
            (!present).then_some(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{media_type, missing, query};
    use http::request::Parts;
    use http::{HeaderMap, Request};
    use rstest::rstest;

    fn parts(uri: &str) -> Parts {
        Request::builder().uri(uri).header("x-given", "1").body(()).unwrap().into_parts().0
    }

    #[rstest]
    #[case::none(None, "application/json")]
    #[case::parameter(Some("Application/JSON; charset=utf-8"), "application/json")]
    #[case::other(Some("text/plain"), "text/plain")]
    fn a_media_type_has_no_parameters(#[case] header: Option<&str>, #[case] expected: &str) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("content-type", header.parse().unwrap());
        }
        assert_eq!(media_type(&headers), expected);
    }

    #[test]
    fn a_query_is_decoded_in_order() {
        let expected =
            [("a", "x y"), ("b", ""), ("a", "1+2"), ("c", "")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(query(&parts("/p?a=x+y&b&a=1%2B2&&c=")), expected);
    }

    #[test]
    fn missing_parameters_are_named() {
        let required = [
            "method.request.path.userId",
            "method.request.path.role",
            "method.request.querystring.q",
            "method.request.querystring.z",
            "method.request.header.x-given",
            "method.request.header.x-other",
        ]
        .map(str::to_owned);
        let path = [("userId".to_owned(), "1".to_owned())];
        assert_eq!(missing(&required, &parts("/p?q=1"), &path), ["role", "z", "x-other"]);
    }
}
