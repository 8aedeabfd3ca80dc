//! The web application firewall: a rate limit per address, and two rule groups that AWS manages.

use serde_json::json;
use stratosphere::services::aws::wafv2::{self, webacl};
use stratosphere::value::ExpString;

use crate::stages::{Stage, Waf};
use crate::template::envelope::{Resource, Template, attribute, substitute, tags, text};
use crate::template::names::{API, API_STAGE, FIREWALL, in_stack};

/// Rules of the common set that would refuse valid requests, and so only count: names and
/// attributes may hold any text, bodies may have 64 KiB, a presigned query carries a long token, and
/// no header is asked for that a signature does not need.
const COUNTED: &[&str] = &[
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "NoUserAgent_HEADER",
    "SizeRestrictions_BODY",
    "SizeRestrictions_QUERYSTRING",
];

/// Adds the firewall in front of the API stage, if the stage's settings have one.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    let Some(waf) = stage.waf else { return };
    let acl = wafv2::WebACL! {
        default_action: webacl::DefaultAction! { allow: Box::new(webacl::AllowAction! {}) },
        description: "Before the API of user management",
        name: in_stack("firewall"),
        rules: vec![
            rate(waf),
            managed(1, "AWSManagedRulesCommonRuleSet", COUNTED),
            managed(2, "AWSManagedRulesKnownBadInputsRuleSet", &[]),
        ],
        scope: "REGIONAL",
        tags: tags(stage),
        visibility_config: visibility("Firewall"),
    };
    template.add(FIREWALL, Resource::new(&acl));
    let association = wafv2::WebACLAssociation! {
        resource_arn: substitute(format!(
            "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::/restapis/${{{API}}}/stages/${{{API_STAGE}}}"
        )),
        web_acl_arn: attribute(FIREWALL, "Arn"),
    };
    template.add("FirewallAssociation", Resource::new(&association));
}

fn rate(waf: Waf) -> webacl::Rule_ {
    webacl::Rule! {
        action: Box::new(webacl::RuleAction! { block: Box::new(webacl::BlockAction! {}) }),
        name: "rate",
        priority: 0,
        statement: Box::new(webacl::Statement! {
            rate_based_statement: Box::new(webacl::RateBasedStatement! {
                aggregate_key_type: "IP",
                limit: i32::try_from(waf.rate_limit).unwrap_or(i32::MAX),
            }),
        }),
        visibility_config: Box::new(visibility("FirewallRate")),
    }
}

fn managed(priority: i32, group: &str, counted: &[&str]) -> webacl::Rule_ {
    let mut statement = webacl::ManagedRuleGroupStatement! {
        name: text(group),
        vendor_name: "AWS",
    };
    statement.rule_action_overrides = (!counted.is_empty()).then(|| {
        counted
            .iter()
            .map(|rule| {
                webacl::RuleActionOverride! {
                    action_to_use: Box::new(webacl::RuleAction! {
                        count: Box::new(webacl::CountAction! {}),
                    }),
                    name: ExpString::from(*rule),
                }
            })
            .collect()
    });
    webacl::Rule! {
        name: text(group),
        override_action: Box::new(webacl::OverrideAction! { none: json!({}) }),
        priority: priority,
        statement: Box::new(webacl::Statement! {
            managed_rule_group_statement: Box::new(statement),
        }),
        visibility_config: Box::new(visibility(group)),
    }
}

fn visibility(metric: &str) -> webacl::VisibilityConfig_ {
    webacl::VisibilityConfig! {
        cloud_watch_metrics_enabled: true,
        metric_name: text(metric),
        // A sample is a whole request but for its body: paths, queries and agents of users.
        sampled_requests_enabled: false,
    }
}
