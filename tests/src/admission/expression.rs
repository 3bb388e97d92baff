//! One CEL expression: compiled, checked as the API server checks it, evaluated.

use super::authorizer::{self, Authorizer};
use super::convert;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::common::types::{CelString, CelStruct, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, Program, StructType, extensions};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An expression that the API server would take.
pub(super) struct Expression {
    program: Program,
    source: String,
}

impl Expression {
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        let program = environment().compile(source).map_err(|error| format!("{error}\nin {source}"))?;
        literal_type(program.expression()).map_err(|fault| format!("{fault}\nin {source}"))?;
        Ok(Self { program, source: source.to_owned() })
    }

    /// The policy's variables that it names, as in `variables.name`.
    pub(super) fn policy_variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        visit(self.program.expression(), &mut |expr| {
            if let Expr::Select(select) = expr
                && matches!(&select.operand.expr, Expr::Ident(name) if name == "variables")
            {
                names.insert(select.field.clone());
            }
        });
        names
    }

    /// The first typed object that it makes: the API server knows them in mutations alone.
    pub(super) fn struct_type(&self) -> Option<String> {
        self.struct_types().into_iter().next()
    }

    pub(super) fn evaluate(&self, variables: &[(&str, Value)], authorizer: &Authorizer) -> Result<Value, String> {
        let mut env = environment();
        for name in self.struct_types() {
            env.add_type(Named(Type::new_struct(name))).map_err(|error| error.to_string())?;
        }
        let mut context = Context::with_env(Arc::new(env));
        authorizer::declare(&mut context, authorizer).map_err(|error| error.to_string())?;
        for (name, value) in variables {
            context.add_variable_from_value(*name, convert::to_cel(value));
        }
        let value = self.program.execute(&context).map_err(|error| format!("{error}\nin {}", self.source))?;
        convert::to_json(&value).map_err(|fault| format!("{fault}\nin {}", self.source))
    }

    fn struct_types(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        visit(self.program.expression(), &mut |expr| {
            if let Expr::Struct(value) = expr {
                names.insert(value.type_name.clone());
            }
        });
        names
    }
}

fn environment() -> Env {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings).expect("the string library is added once");
    env.add_extension(extensions::lists).expect("the list library is added once");
    env.add_overload("jsonpatch.escapeKey", "string_escapeKey", vec![STRING_TYPE], |arguments| {
        let key = arguments[0].downcast_ref::<CelString<'_>>().map(|key| key.inner().to_owned()).unwrap_or_default();
        Ok(CowVal::owned(CelString::from(key.replace('~', "~0").replace('/', "~1"))))
    })
    .expect("the function is added once");
    env
}

/// A type that an expression names. Its fields are judged where the object is: by the schema.
struct Named(Type);

impl StructType for Named {
    fn get_type(&self) -> &Type {
        &self.0
    }

    fn new_value<'b, 'v>(&self, fields: BTreeMap<String, CowVal<'b, 'v>>) -> Result<Box<dyn Val + 'v>, ExecutionError> {
        let mut value = CelStruct::new(self.0.name().to_owned());
        for (name, field) in fields {
            value.add_field_value(name, field);
        }
        Ok(Box::new(value))
    }
}

/// All parts of an expression, the whole first.
fn visit(expr: &IdedExpr, see: &mut impl FnMut(&Expr)) {
    see(&expr.expr);
    for part in parts(&expr.expr) {
        visit(part, see);
    }
}

fn parts(expr: &Expr) -> Vec<&IdedExpr> {
    match expr {
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).collect(),
        Expr::Comprehension(it) => {
            vec![&it.iter_range, &it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Struct(value) => value.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// The type of a literal, where it can be told. The API server takes no list and no map of several types.
fn literal_type(expr: &IdedExpr) -> Result<Option<String>, String> {
    for part in parts(&expr.expr) {
        literal_type(part)?;
    }
    Ok(match &expr.expr {
        Expr::Literal(literal) => Some(scalar(literal).to_owned()),
        Expr::List(list) => one_type(list.elements.iter())?.map(|inner| format!("list({inner})")),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some(entry),
                EntryExpr::StructField(_) => None,
            });
            let keys = one_type(entries.clone().map(|entry| &entry.key))?;
            let values = one_type(entries.map(|entry| &entry.value))?;
            keys.zip(values).map(|(keys, values)| format!("map({keys}, {values})"))
        }
        Expr::Struct(value) => {
            let optional = value.entries.iter().any(|it| matches!(&it.expr, EntryExpr::StructField(f) if f.optional));
            if optional {
                return Err(format!("optional fields of {} cannot be evaluated here", value.type_name));
            }
            Some(value.type_name.clone())
        }
        _ => None,
    })
}

fn one_type<'a>(elements: impl Iterator<Item = &'a IdedExpr>) -> Result<Option<String>, String> {
    let mut seen: Option<String> = None;
    for element in elements {
        let Some(found) = literal_type(element)? else { continue };
        match &seen {
            Some(seen) if *seen != found => return Err(format!("a literal mixes {seen} and {found}")),
            _ => seen = Some(found),
        }
    }
    Ok(seen)
}

fn scalar(literal: &LiteralValue) -> &'static str {
    match literal {
        LiteralValue::Boolean(_) => "bool",
        LiteralValue::Bytes(_) => "bytes",
        LiteralValue::Double(_) => "double",
        LiteralValue::Int(_) => "int",
        LiteralValue::Null => "null",
        LiteralValue::String(_) => "string",
        LiteralValue::UInt(_) => "uint",
    }
}
