//! A custom domain name for the API.

use stratosphere::services::aws::{apigateway, route53};

use crate::stages::Stage;
use crate::template::envelope::{Resource, Template, attribute, reference, tags, text};
use crate::template::names::{API, API_DOMAIN, API_STAGE};

/// Adds the domain name, its way to the stage and, where a hosted zone is named, its record.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let Some(custom) = &stage.custom_domain else { return };
    let domain = apigateway::DomainName! {
        domain_name: text(&custom.domain),
        endpoint_configuration: apigateway::domainname::EndpointConfiguration! {
            types: vec![text("REGIONAL")],
        },
        regional_certificate_arn: text(&custom.certificate_arn),
        // TLS 1.2 and 1.3; the other policy of regional domains goes down to 1.0.
        security_policy: "TLS_1_2",
        tags: tags(stage),
    };
    template.add(API_DOMAIN, Resource::new(&domain));
    // Without a base path: paths are those of the contract, at the root of the domain.
    let mapping = apigateway::BasePathMapping! {
        domain_name: reference(API_DOMAIN),
        rest_api_id: reference(API),
        stage: reference(API_STAGE),
    };
    template.add("ApiDomainMapping", Resource::new(&mapping));
    if let Some(zone) = &custom.hosted_zone {
        let record = route53::RecordSet! {
            alias_target: route53::recordset::AliasTarget! {
                dns_name: attribute(API_DOMAIN, "RegionalDomainName"),
                evaluate_target_health: false,
                hosted_zone_id: attribute(API_DOMAIN, "RegionalHostedZoneId"),
            },
            hosted_zone_id: text(zone),
            name: text(&custom.domain),
            r#type: "A",
        };
        template.add("ApiDomainRecord", Resource::new(&record));
    }
}
