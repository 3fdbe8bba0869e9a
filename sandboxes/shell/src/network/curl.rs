//! `curl`: the options that people use, and no others.

use std::sync::Arc;
use std::time::Instant;

use bashkit::{Builtin, BuiltinContext, ExecResult, async_trait};
use sandbox_egress::{Answer, Target};

use super::curl_options::{Options, Refused};
use super::{Network, curl_answer, curl_request, path};

/// curl's exit codes for an answer that is an error, and for one that could not be written to a file.
const IS_AN_ERROR: i32 = 22;
const NOT_WRITTEN: i32 = 23;

/// The command.
pub struct Curl(pub Arc<Network>);

#[async_trait]
impl Builtin for Curl {
    async fn execute(&self, context: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let mut printed = Printed::default();
        let exit_code = match self.run(&context, &mut printed).await {
            Ok(exit_code) => exit_code,
            Err(Refused(0, text)) => {
                printed.stdout.extend(text.into_bytes());
                0
            }
            Err(Refused(code, text)) => {
                printed.stderr.push_str(&format!("curl: ({code}) {text}\n"));
                code
            }
        };
        let mut result = ExecResult::ok_bytes(printed.stdout);
        result.stderr = printed.stderr.into();
        result.exit_code = exit_code;
        Ok(result)
    }
}

/// What a call prints.
#[derive(Default)]
struct Printed {
    stdout: Vec<u8>,
    stderr: String,
}

impl Curl {
    async fn run(&self, context: &BuiltinContext<'_>, printed: &mut Printed) -> Result<i32, Refused> {
        let options = Options::parse(context.args)?;
        let arguments = &options.arguments;
        let request = curl_request::request(&options, context).await?;
        let started = Instant::now();
        let answered = self.0.send(&request, arguments.has("location"), options.time);
        let took = started.elapsed();
        let is_silent = arguments.has("silent") && !arguments.has("show-error");
        let say = |printed: &mut Printed, code: i32, text: &str| {
            if !is_silent {
                printed.stderr.push_str(&format!("curl: ({code}) {text}\n"));
            }
            code
        };
        let (answer, code) = match answered {
            Ok(answer) => {
                let is_error = answer.status >= 400 && (arguments.has("fail") || arguments.has("fail-with-body"));
                let mut code = 0;
                if is_error {
                    code = say(printed, IS_AN_ERROR, &format!("The requested URL returned error: {}", answer.status));
                }
                if (!is_error || arguments.has("fail-with-body"))
                    && let Err(text) = write(&options, &answer, context, printed).await
                {
                    code = say(printed, NOT_WRITTEN, &text);
                }
                (Some(answer), code)
            }
            Err(failure) => (None, say(printed, curl_answer::exit_code(&failure), &failure.to_string())),
        };
        if let Some(format) = arguments.value("write-out") {
            let text = curl_answer::written_out(format, answer.as_ref(), &request.method, took);
            printed.stdout.extend(text.into_bytes());
        }
        Ok(code)
    }
}

/// Writes the answer where it belongs.
async fn write(
    options: &Options,
    answer: &Answer,
    context: &BuiltinContext<'_>,
    printed: &mut Printed,
) -> Result<(), String> {
    let arguments = &options.arguments;
    let mut bytes = Vec::new();
    if arguments.has("include") || arguments.has("show-headers") || arguments.has("head") {
        bytes = curl_answer::head(answer);
    }
    bytes.extend_from_slice(&answer.body);
    let name = match arguments.value("output") {
        Some(name) => name.to_owned(),
        None if arguments.has("remote-name") => {
            // By the URL that was asked for, so that no server chooses the name.
            let asked = Target::parse(&options.url).map(|target| target.file_name().to_owned()).unwrap_or_default();
            Some(asked).filter(|name| !name.is_empty()).ok_or("Remote file name has no length")?
        }
        None => "-".to_owned(),
    };
    match name.as_str() {
        "-" | "/dev/stdout" => printed.stdout.extend(bytes),
        "/dev/null" => {}
        name => {
            let written = context.fs.write_file(&path(context, name), &bytes).await;
            written.map_err(|error| format!("Failure writing output to {name}: {error}"))?;
        }
    }
    Ok(())
}
