//! Admission policies of Kubernetes, evaluated with a CEL library as the API server evaluates them.
//!
//! What the API server has and CEL has not is added: typed `Object…{}` and `JSONPatch{}`, `jsonpatch.escapeKey`, the string
//! and list libraries, `authorizer`, `variables` that are computed when they are asked for, and the refusal of literals that
//! mix types. What a policy may use beyond that is an error here, so that no test passes for a wrong reason.

mod authorizer;
mod convert;
mod expression;
mod json_patch;
mod matching;
mod policy;

pub use authorizer::{Authorizer, Grant};
pub use policy::{Request, mutate, refusals};

use expression::Expression;
use serde_json::Value;

/// What an expression comes to.
///
/// # Errors
/// What is wrong with the expression, before or while it is evaluated.
pub fn evaluate(expression: &str, variables: &[(&str, Value)]) -> Result<Value, String> {
    Expression::compile(expression)?.evaluate(variables, &Authorizer::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn optional_fields_and_macros_are_evaluated() {
        let variables = [("object", json!({"metadata": {"labels": {"a/b": "yes"}}}))];
        let cases = [
            ("object.metadata.?labels[?'a/b'].orValue('no') == 'yes'", true),
            ("object.?spec.?containers.orValue([]).exists(c, c.name == 'x')", false),
            ("has(object.spec)", false),
            ("'a,b'.split(',').size() == 2", true),
        ];
        for (expression, expected) in cases {
            assert_eq!(evaluate(expression, &variables), Ok(json!(expected)), "{expression}");
        }
    }

    #[test]
    fn objects_of_named_types_become_json() {
        let expression = "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'a', tty: true}]}}";
        assert_eq!(evaluate(expression, &[]), Ok(json!({"spec": {"containers": [{"name": "a", "tty": true}]}})));
    }

    #[test]
    fn a_type_that_does_not_belong_to_its_field_is_an_error() {
        let error =
            evaluate("Object{spec: Object.spec{volumes: [Object.spec.containers{name: 'a'}]}}", &[]).unwrap_err();
        assert!(error.contains("Object.spec.containers"), "{error}");
    }

    #[test]
    fn literals_of_mixed_types_are_refused_unless_they_are_dyn() {
        for expression in ["[1, 'a']", "{'a': 1, 'b': 'c'}", "[[1], ['a']]", "[1].map(x, [x == 1 ? 'b' : 'a', 2][0])"] {
            let error = evaluate(expression, &[]);
            assert_eq!(error.is_err(), expression != "[1].map(x, [x == 1 ? 'b' : 'a', 2][0])", "{expression}");
        }
        assert_eq!(evaluate("[dyn(1), dyn('a')]", &[]), Ok(json!([1, "a"])));
    }

    #[test]
    fn what_is_not_declared_is_an_error() {
        assert!(evaluate("nobody.knows == 1", &[]).is_err());
        assert!(evaluate("a ==", &[]).is_err());
    }
}
