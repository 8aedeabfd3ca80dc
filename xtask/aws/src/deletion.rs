//! Deleting a stack.

use crate::explain::Explain;
use crate::follow::Since;
use crate::stack::StackClient;
use anyhow::{Result, bail};

impl StackClient {
    /// Deletes the stack with a name or id, if it exists, and follows the deletion to its end.
    ///
    /// # Errors
    /// When a resource cannot be deleted, with the root cause.
    pub(crate) async fn delete(&self, name_or_id: &str) -> Result<()> {
        let Some(found) = self.find(name_or_id).await? else { return Ok(()) };
        // The name cannot be used once the stack is deleted.
        let id = found.stack_id.unwrap_or_else(|| name_or_id.to_owned());
        let since = Since::Event(self.last_event(&id).await?);
        let answer = self.client.delete_stack().stack_name(&id).send().await;
        answer.explain(format_args!("delete the stack {}", self.name))?;
        let ended = self.follow(&id, &since).await?;
        match ended.status {
            None => Ok(()),
            Some(status) => bail!(
                "the stack {} is now in {}: not all of it could be deleted\n{}\nRemove the cause, \
                 then run the command again.",
                self.name,
                status.as_str(),
                self.story(&ended.failures)
            ),
        }
    }
}
