//! What a stage may have besides: access, domain, firewall, keys, archive, limits of tables.

use serde_json::{Value, json};
use users_template::{Access, Endpoint, Stage, template};

use crate::support::{of_type, option_stages, resources, stage, test_template, walk};

fn option(name: &str) -> Value {
    template(&option_stages()[name])
}

fn properties<'a>(template: &'a Value, id: &str) -> &'a Value {
    &resources(template)[id]["Properties"]
}

fn statement<'a>(policy: &'a Value, sid: &str) -> &'a Value {
    policy["Statement"].as_array().unwrap().iter().find(|row| row["Sid"] == sid).unwrap()
}

#[test]
fn nothing_optional_is_there_by_default() {
    let template = test_template();
    for name in [
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::DomainName",
        "AWS::CodeDeploy::Application",
        "AWS::Events::Archive",
        "AWS::IAM::ManagedPolicy",
        "AWS::Route53::RecordSet",
        "AWS::WAFv2::WebACL",
    ] {
        assert!(of_type(&template, name).is_empty(), "{name}");
    }
    let api = properties(&template, "Api");
    assert_eq!(api["Policy"], Value::Null);
    assert_eq!(api["DisableExecuteApiEndpoint"], Value::Null);
    assert_eq!(api["EndpointConfiguration"], json!({"Types": ["REGIONAL"]}));
}

#[test]
fn other_accounts_and_address_ranges_are_in_the_policy_of_the_api() {
    let template = option("public");
    let policy = &properties(&template, "Api")["Policy"];
    assert_eq!(statement(policy, "Preflight")["Resource"], "execute-api:/*/OPTIONS/*");
    assert_eq!(
        statement(policy, "Accounts")["Principal"],
        json!({"AWS": [{"Fn::Sub": "arn:${AWS::Partition}:iam::210987654321:root"}]})
    );
    let tls = statement(policy, "TlsOnly");
    assert_eq!(tls["Effect"], "Deny");
    assert_eq!(tls["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    assert_eq!(
        statement(policy, "Addresses")["Condition"],
        json!({"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}})
    );
}

#[test]
fn another_policy_is_another_deployment() {
    let deployment =
        |template: &Value| of_type(template, "AWS::ApiGateway::Deployment")[0].0.to_owned();
    let cidrs = vec!["10.0.0.0/8".to_owned()];
    let restricted = Stage { access: Access { cidrs, ..Access::default() }, ..stage() };
    assert_ne!(deployment(&template(&restricted)), deployment(&test_template()));
}

#[test]
fn a_private_api_is_reached_through_its_endpoints_only() {
    let template = option("private");
    let api = properties(&template, "Api");
    let endpoints = json!(["vpce-0123456789abcdef0"]);
    assert_eq!(
        api["EndpointConfiguration"],
        json!({"Types": ["PRIVATE"], "VpcEndpointIds": endpoints})
    );
    let policy = &api["Policy"];
    assert_eq!(
        statement(policy, "VpcEndpoints")["Condition"],
        json!({"StringNotEquals": {"aws:SourceVpce": endpoints}})
    );
    assert_eq!(
        statement(policy, "Accounts")["Principal"]["AWS"][0],
        json!({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"})
    );
    let addresses = &statement(policy, "Addresses")["Condition"]["NotIpAddress"];
    assert_eq!(addresses, &json!({"aws:VpcSourceIp": ["10.0.0.0/8"]}));
    assert_eq!(option_stages()["private"].endpoint, Endpoint::Private);
}

#[test]
fn a_domain_name_takes_the_place_of_the_generated_one() {
    let template = option("public");
    assert_eq!(properties(&template, "Api")["DisableExecuteApiEndpoint"], true);
    let domain = properties(&template, "ApiDomain");
    assert_eq!(domain["SecurityPolicy"], "TLS_1_2");
    assert_eq!(template["Outputs"]["ApiUrl"]["Value"], "https://users.example.com");
    let mapping = properties(&template, "ApiDomainMapping");
    assert_eq!(mapping["Stage"], json!({"Ref": "ApiStage"}));
    assert_eq!(mapping["BasePath"], Value::Null);
    let record = properties(&template, "ApiDomainRecord");
    assert_eq!(
        record["AliasTarget"]["DNSName"],
        json!({"Fn::GetAtt": ["ApiDomain", "RegionalDomainName"]})
    );
    let mut elsewhere = option_stages()["public"].clone();
    elsewhere.custom_domain.as_mut().unwrap().hosted_zone = None;
    let template = users_template::template(&elsewhere);
    assert!(of_type(&template, "AWS::Route53::RecordSet").is_empty());
    assert!(template["Outputs"]["ApiDomainTarget"].is_object());
}

#[test]
fn the_firewall_limits_addresses_and_refuses_nothing_that_the_contract_allows() {
    let template = option("public");
    let rules = properties(&template, "Firewall")["Rules"].as_array().unwrap();
    assert_eq!(rules[0]["Statement"]["RateBasedStatement"]["Limit"], 10_000);
    assert_eq!(rules[0]["Action"], json!({"Block": {}}));
    let common = &rules[1]["Statement"]["ManagedRuleGroupStatement"];
    assert_eq!(common["Name"], "AWSManagedRulesCommonRuleSet");
    let counted: Vec<_> = common["RuleActionOverrides"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            assert_eq!(rule["ActionToUse"], json!({"Count": {}}));
            rule["Name"].as_str().unwrap()
        })
        .collect();
    for rule in ["SizeRestrictions_BODY", "CrossSiteScripting_BODY", "NoUserAgent_HEADER"] {
        assert!(counted.contains(&rule), "{counted:?}");
    }
    walk(properties(&template, "Firewall"), &mut |value| {
        assert_ne!(value["SampledRequestsEnabled"], true, "samples hold personal data");
    });
    let association = properties(&template, "FirewallAssociation");
    let target = association["ResourceArn"]["Fn::Sub"].as_str().unwrap();
    assert!(target.ends_with("/restapis/${Api}/stages/${ApiStage}"), "{target}");
}

#[test]
fn one_key_of_our_own_encrypts_everything() {
    let template = option("public");
    let key = json!({"Fn::GetAtt": ["DataKey", "Arn"]});
    assert_eq!(of_type(&template, "AWS::KMS::Key").len(), 1);
    assert_eq!(properties(&template, "DataKey")["EnableKeyRotation"], true);
    assert_eq!(resources(&template)["DataKey"]["DeletionPolicy"], "Retain");
    let mut found = 0;
    for (id, resource) in resources(&template) {
        let properties = &resource["Properties"];
        let uses = match resource["Type"].as_str().unwrap() {
            "AWS::DynamoDB::Table" => &properties["SSESpecification"]["KMSMasterKeyId"],
            "AWS::Events::EventBus" | "AWS::Events::Archive" => &properties["KmsKeyIdentifier"],
            "AWS::Lambda::Function" => &properties["KmsKeyArn"],
            "AWS::Logs::LogGroup" => &properties["KmsKeyId"],
            "AWS::SNS::Topic" | "AWS::SQS::Queue" => &properties["KmsMasterKeyId"],
            _ => continue,
        };
        assert_eq!(uses, &key, "{id}");
        found += 1;
    }
    assert_eq!(found, 2 + 2 + 9 + 11 + 2);
    for (id, role) in of_type(&template, "AWS::IAM::Role") {
        if !id.starts_with("Users") {
            continue;
        }
        let statement = statement(&role["Policies"][0]["PolicyDocument"], "DataKey");
        assert_eq!(statement["Resource"], key, "{id}");
        let services = &statement["Condition"]["StringEquals"]["kms:ViaService"];
        assert_eq!(services[0], json!({"Fn::Sub": "dynamodb.${AWS::Region}.amazonaws.com"}));
    }
}

#[test]
fn only_the_relay_puts_events_on_the_bus() {
    let template = test_template();
    let policy = &properties(&template, "AuditBus")["Policy"];
    let statement = statement(policy, "OnlyTheRelay");
    assert_eq!(statement["Effect"], "Deny");
    assert_eq!(
        statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"],
        json!({"Fn::GetAtt": ["UsersAuditPublishRole", "Arn"]})
    );
}

#[test]
fn events_are_kept_and_tables_limited_where_the_stage_says_so() {
    let template = option("public");
    let archive = properties(&template, "AuditArchive");
    assert_eq!(archive["RetentionDays"], 90);
    assert_eq!(archive["EventPattern"], json!({"source": ["users.service"]}));
    let limit = json!({"MaxReadRequestUnits": 4000, "MaxWriteRequestUnits": 1000});
    for (id, table) in of_type(&template, "AWS::DynamoDB::Table") {
        assert_eq!(table["OnDemandThroughput"], limit, "{id}");
        assert_eq!(table["ContributorInsightsSpecification"], json!({"Enabled": true}), "{id}");
    }
    let index = &properties(&template, "UsersTable")["GlobalSecondaryIndexes"][0];
    assert_eq!(index["OnDemandThroughput"], limit);
}
