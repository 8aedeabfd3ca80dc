//! Deployments with recorded answers of CloudFormation.

mod approval;
mod failures;
mod states;
mod support;
