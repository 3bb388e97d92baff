//! A policy with its binding, asked about one request.

use super::authorizer::Authorizer;
use super::expression::Expression;
use super::{json_patch, matching};
use serde_json::{Map, Value, json};

/// What somebody asks of the API server.
#[derive(Clone, Debug)]
pub struct Request {
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
    /// The resource, such as `pods`.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
    /// The namespace's labels.
    pub namespace_labels: Value,
    /// The object as it shall be; null for `DELETE`.
    pub object: Value,
    /// The object as it is; null for `CREATE`.
    pub old_object: Value,
    /// Who asks: `{"username": …, "groups": […]}`.
    pub user: Value,
    /// What that user may do.
    pub authorizer: Authorizer,
    /// The objects that a binding's `paramRef` may name, of all namespaces.
    pub params: Vec<Value>,
}

impl Request {
    /// Somebody creates an object of the core group in a namespace that has no labels but its name.
    pub fn create(resource: &str, namespace: &str, object: Value) -> Self {
        Self {
            operation: "CREATE".to_owned(),
            group: String::new(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            namespace_labels: json!({"kubernetes.io/metadata.name": namespace}),
            object,
            old_object: Value::Null,
            user: json!({"username": "alice", "groups": ["system:authenticated"]}),
            authorizer: Authorizer::default(),
            params: Vec::new(),
        }
    }

    /// Somebody puts another object in the place of one.
    pub fn update(resource: &str, namespace: &str, old_object: Value, object: Value) -> Self {
        let operation = "UPDATE".to_owned();
        Self { operation, old_object, ..Self::create(resource, namespace, object) }
    }

    pub(super) fn name(&self) -> String {
        let named = if self.object.is_null() { &self.old_object } else { &self.object };
        named["metadata"]["name"].as_str().unwrap_or_default().to_owned()
    }

    fn variables(&self, params: &Value) -> Vec<(&'static str, Value)> {
        let kind = if self.object.is_null() { &self.old_object["kind"] } else { &self.object["kind"] };
        let request = json!({
            "operation": self.operation,
            "kind": {"group": self.group, "version": self.version, "kind": kind},
            "resource": {"group": self.group, "version": self.version, "resource": self.resource},
            "namespace": self.namespace,
            "name": self.name(),
            "userInfo": self.user,
            "dryRun": false,
        });
        let namespace = json!({"metadata": {"name": self.namespace, "labels": self.namespace_labels}});
        vec![
            ("object", self.object.clone()),
            ("oldObject", self.old_object.clone()),
            ("request", request),
            ("namespaceObject", namespace),
            ("params", params.clone()),
        ]
    }
}

/// The object as a `MutatingAdmissionPolicy` makes it; `None` if it does not concern the request.
///
/// # Errors
/// What is wrong with the policy; its `failurePolicy` decides in a cluster what follows.
pub fn mutate(policy: &Value, binding: &Value, request: &Request) -> Result<Option<Value>, String> {
    let Some(asked) = Asked::of(policy, binding, request)? else { return Ok(None) };
    let mut request = request.clone();
    for mutation in list(&policy["spec"]["mutations"]) {
        let expression = mutation["jsonPatch"]["expression"].as_str().filter(|_| mutation["patchType"] == "JSONPatch");
        let expression = expression.ok_or("only mutations of the type JSONPatch can be judged here")?;
        let asked = Asked { request: &request, ..asked.clone() };
        let operations = asked.evaluate_with(&Expression::compile(expression)?, usize::MAX)?;
        request.object = json_patch::apply(&request.object, list(&operations))?;
    }
    Ok(Some(request.object))
}

/// The messages with which a `ValidatingAdmissionPolicy` refuses a request; none if it may pass.
///
/// # Errors
/// What is wrong with the policy; its `failurePolicy` decides in a cluster what follows.
pub fn refusals(policy: &Value, binding: &Value, request: &Request) -> Result<Vec<String>, String> {
    let Some(asked) = Asked::of(policy, binding, request)? else { return Ok(Vec::new()) };
    let mut refused = Vec::new();
    for validation in list(&policy["spec"]["validations"]) {
        let expression = validation["expression"].as_str().ok_or("a validation has no expression")?;
        match asked.evaluate(expression)? {
            Value::Bool(true) => {}
            Value::Bool(false) => refused.push(asked.message(validation)?),
            other => return Err(format!("a validation comes to {other}: {expression}")),
        }
    }
    Ok(refused)
}

/// A policy that concerns a request.
#[derive(Clone)]
struct Asked<'a> {
    policy: &'a Value,
    request: &'a Request,
    params: Value,
}

impl<'a> Asked<'a> {
    fn of(policy: &'a Value, binding: &'a Value, request: &'a Request) -> Result<Option<Self>, String> {
        if binding["spec"]["policyName"] != policy["metadata"]["name"] {
            return Err("the binding is another policy's".to_owned());
        }
        let constraints = [&policy["spec"]["matchConstraints"], &binding["spec"]["matchResources"]];
        if !constraints.iter().all(|constraints| matching::concerns(constraints, request)) {
            return Ok(None);
        }
        let Some(params) = params(policy, binding, request)? else { return Ok(None) };
        let asked = Self { policy, request, params };
        for condition in list(&policy["spec"]["matchConditions"]) {
            let expression = condition["expression"].as_str().ok_or("a condition has no expression")?;
            match asked.evaluate(expression)? {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(None),
                other => return Err(format!("a condition comes to {other}: {expression}")),
            }
        }
        Ok(Some(asked))
    }

    fn message(&self, validation: &Value) -> Result<String, String> {
        if let Some(expression) = validation["messageExpression"].as_str() {
            let message = self.evaluate(expression)?;
            return message.as_str().map(str::to_owned).ok_or_else(|| format!("no text: {expression}"));
        }
        let message = validation["message"].as_str().or_else(|| validation["expression"].as_str());
        Ok(message.unwrap_or_default().to_owned())
    }

    fn evaluate(&self, expression: &str) -> Result<Value, String> {
        self.evaluate_untyped(expression, usize::MAX)
    }

    fn evaluate_untyped(&self, expression: &str, end: usize) -> Result<Value, String> {
        let compiled = Expression::compile(expression)?;
        if let Some(name) = compiled.struct_type() {
            return Err(format!("{name} is known in mutations only, not in {expression}"));
        }
        self.evaluate_with(&compiled, end)
    }

    /// Evaluates with those of the policy's variables that stand in front of `end`, if they are asked for.
    ///
    /// One that cannot be computed is missing: that is an error only where it is looked at.
    fn evaluate_with(&self, compiled: &Expression, end: usize) -> Result<Value, String> {
        let wanted = compiled.policy_variables();
        let mut known = Map::new();
        let mut faults = Vec::new();
        for (index, variable) in list(&self.policy["spec"]["variables"]).iter().enumerate().take(end) {
            let name = variable["name"].as_str().ok_or("a variable has no name")?;
            let expression = variable["expression"].as_str().ok_or("a variable has no expression")?;
            if !wanted.contains(name) {
                continue;
            }
            match self.evaluate_untyped(expression, index) {
                Ok(value) => drop(known.insert(name.to_owned(), value)),
                Err(fault) => faults.push(format!("\nvariable {name}: {fault}")),
            }
        }
        let mut variables = self.request.variables(&self.params);
        variables.push(("variables", Value::Object(known)));
        let authorizer = &self.request.authorizer;
        compiled.evaluate(&variables, authorizer).map_err(|error| format!("{error}{}", faults.concat()))
    }
}

/// The object that the binding names as the policy's parameter, null where there is none to be named.
fn params(policy: &Value, binding: &Value, request: &Request) -> Result<Option<Value>, String> {
    let kind = &policy["spec"]["paramKind"];
    if kind.is_null() {
        return Ok(Some(Value::Null));
    }
    let reference = &binding["spec"]["paramRef"];
    let namespace = reference["namespace"].as_str().unwrap_or(&request.namespace);
    let found = request.params.iter().find(|object| {
        object["kind"] == kind["kind"]
            && object["apiVersion"] == kind["apiVersion"]
            && object["metadata"]["name"] == reference["name"]
            && object["metadata"]["namespace"] == namespace
    });
    match (found, reference["parameterNotFoundAction"].as_str()) {
        (Some(found), _) => Ok(Some(found.clone())),
        (None, Some("Allow")) => Ok(None),
        (None, _) => Err(format!("there is no {} {} in {namespace}", kind["kind"], reference["name"])),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
