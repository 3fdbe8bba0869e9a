// Tools that ask the client for input: a form (elicitation), a completion (sampling) or its roots.
// Each is written once, as a multi-round-trip handler; for a 2025 session the SDK turns what it returns into
// requests to the client.

import {
  acceptedContent,
  inputRequired,
  inputResponse,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

const text = (value) => ({ content: [{ type: 'text', text: value }] });

const form = (message, properties, required = Object.keys(properties)) =>
  inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });

const question = (prompt, maxTokens = 100) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens });

const Name = z.object({ name: z.string() });

/** Registers the tools on `server`; `sealState` turns a value into a `requestState` that the client cannot alter. */
export function registerInputTools(server, sealState) {
  registerSingleQuestions(server);
  registerForms(server);
  registerStatefulQuestions(server, sealState);
}

function registerSingleQuestions(server) {
  server.registerTool(
    'test_sampling',
    { description: 'Asks the client for a completion', inputSchema: z.object({ prompt: z.string() }) },
    ({ prompt }, ctx) =>
      answerOf(ctx, 'answer', 'sampling', question(prompt), ({ result }) => `LLM response: ${said(result)}`),
  );
  server.registerTool('test_input_required_result_sampling', { description: 'Asks one question' }, (ctx) =>
    answerOf(ctx, 'capital_question', 'sampling', question('What is the capital of France?'), ({ result }) =>
      said(result),
    ),
  );
  server.registerTool('test_input_required_result_list_roots', { description: 'Asks for the roots' }, (ctx) =>
    answerOf(ctx, 'client_roots', 'roots', inputRequired.listRoots(), ({ roots }) =>
      roots.map((root) => root.uri).join('\n'),
    ),
  );
  server.registerTool('test_input_required_result_elicitation', { description: 'Asks for a name' }, (ctx) => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', Name);
    if (answer) return text(`Hello, ${answer.name}!`);
    return inputRequired({ inputRequests: { user_name: form('What is your name?', { name: { type: 'string' } }) } });
  });
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only in ways that the client declared' },
    (ctx) => {
      const declared = ctx.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {};
      const inputRequests = {};
      if (declared.sampling) inputRequests.question = question('What is the capital of France?');
      if (declared.elicitation) inputRequests.name = form('What is your name?', { name: { type: 'string' } });
      if (declared.roots) inputRequests.roots = inputRequired.listRoots();
      const open = Object.keys(inputRequests).some(
        (key) => inputResponse(ctx.mcpReq.inputResponses, key).kind === 'missing',
      );
      return open ? inputRequired({ inputRequests }) : text('Nothing is left to ask.');
    },
  );
  // Clients that did not declare `sampling` get MissingRequiredClientCapability (-32021) from the SDK.
  server.registerTool('test_missing_capability', { description: 'Needs a client that can sample' }, (ctx) =>
    answerOf(ctx, 'answer', 'sampling', question('What is the capital of France?'), ({ result }) => said(result)),
  );
  server.registerTool('test_streaming_elicitation', { description: 'Asks on the response stream' }, (ctx) =>
    answerOf(ctx, 'confirm', 'elicit', form('Please confirm', { ok: { type: 'boolean' } }), ({ action }) => action),
  );
}

function registerForms(server) {
  const register = (name, description, message, properties) =>
    server.registerTool(name, { description }, (ctx) =>
      answerOf(
        ctx,
        'form',
        'elicit',
        form(message, properties, []),
        ({ action, content }) => `Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`,
      ),
    );

  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user', inputSchema: z.object({ message: z.string() }) },
    ({ message }, ctx) => {
      const fields = {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      };
      return answerOf(
        ctx,
        'user',
        'elicit',
        form(message, fields),
        ({ action, content }) => `User response: action=${action}, content=${JSON.stringify(content ?? {})}`,
      );
    },
  );
  register('test_elicitation_sep1034_defaults', 'A form whose fields have defaults', 'Please check the values', {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  });
  const titled = (first) =>
    ['First', 'Second', 'Third'].map((word, i) => ({ const: `value${i + 1}`, title: `${word} ${first}` }));
  const options = ['option1', 'option2', 'option3'];
  register('test_elicitation_sep1330_enums', 'A form with every kind of choice', 'Please choose', {
    untitledSingle: { type: 'string', enum: options },
    titledSingle: { type: 'string', oneOf: titled('Option') },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
    titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
  });
}

function registerStatefulQuestions(server, sealState) {
  const confirm = () => form('Please confirm', { ok: { type: 'boolean' } });

  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    server.registerTool(name, { description: 'Refuses an answer whose state it did not make' }, async (ctx) => {
      const answer = acceptedContent(ctx.mcpReq.inputResponses, 'confirm', z.object({ ok: z.boolean() }));
      if (answer === undefined) {
        return inputRequired({
          inputRequests: { confirm: confirm() },
          requestState: await sealState({ tool: name }, ctx),
        });
      }
      expectState(ctx, (state) => state.tool === name);
      return text('state-ok');
    });
  }

  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks three things at once' },
    async (ctx) => {
      const inputRequests = {
        user_name: form('What is your name?', { name: { type: 'string' } }),
        greeting: question('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      };
      const open = Object.keys(inputRequests).some(
        (key) => inputResponse(ctx.mcpReq.inputResponses, key).kind === 'missing',
      );
      if (open) return inputRequired({ inputRequests, requestState: await sealState({ asked: 3 }, ctx) });
      expectState(ctx, (state) => state.asked === 3);
      return text('All three were answered.');
    },
  );

  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks two things in turn' },
    async (ctx) => {
      const name = acceptedContent(ctx.mcpReq.inputResponses, 'step1', Name)?.name;
      const colour = acceptedContent(ctx.mcpReq.inputResponses, 'step2', z.object({ color: z.string() }))?.color;
      if (colour !== undefined) {
        const state = expectState(ctx, ({ round }) => round === 2);
        return text(`${state.name} likes ${colour}.`);
      }
      if (name !== undefined) {
        expectState(ctx, ({ round }) => round === 1);
        const step2 = form('Step 2: What is your favorite color?', { color: { type: 'string' } });
        return inputRequired({ inputRequests: { step2 }, requestState: await sealState({ round: 2, name }, ctx) });
      }
      const step1 = form('Step 1: What is your name?', { name: { type: 'string' } });
      return inputRequired({ inputRequests: { step1 }, requestState: await sealState({ round: 1 }, ctx) });
    },
  );
}

/** The answer to the one question `key` as a text, or the question again while it has no answer of that kind. */
function answerOf(ctx, key, kind, request, describe) {
  const answer = inputResponse(ctx.mcpReq.inputResponses, key);
  return answer.kind === kind ? text(describe(answer)) : inputRequired({ inputRequests: { [key]: request } });
}

function expectState(ctx, isRight) {
  const state = ctx.mcpReq.requestState();
  if (state === undefined || !isRight(state)) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'The request state belongs to another request');
  }
  return state;
}

function said(result) {
  return [result.content]
    .flat()
    .map((part) => part.text ?? `(${part.type})`)
    .join(' ');
}
