import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUpdate } from '../../../src/telegram/parse-update.ts';
import { roleOf } from '../../../src/telegram/who.ts';

const ALLOWED = {
  people: new Map([
    ['1', 'operator'],
    ['2', 'viewer'],
  ] as const),
  chatIds: ['-100', '1'],
};
const sender = (fields: object = {}) => ({
  ...{ userId: '1', isBot: false, isAnonymous: false, chatId: '1', chatType: 'private' },
  ...fields,
});

describe('who may speak', () => {
  it.each([
    ['an operator in the private chat', sender(), 'operator'],
    ['a viewer in the private chat', sender({ userId: '2', chatId: '2' }), 'viewer'],
    ['an operator in our group', sender({ chatId: '-100', chatType: 'supergroup' }), 'operator'],
    ['an operator in another group', sender({ chatId: '-101', chatType: 'group' }), null],
    ['a stranger in our group', sender({ userId: '3', chatId: '-100', chatType: 'group' }), null],
    ['a stranger in private', sender({ userId: '3', chatId: '3' }), null],
    ['an operator in the private chat of somebody else', sender({ chatId: '2' }), null],
    ['an operator in a channel', sender({ chatId: '-100', chatType: 'channel' }), null],
    ['a group that says it is private', sender({ chatId: '-100', chatType: 'private' }), null],
    ['a bot', sender({ isBot: true }), null],
    [
      'a group that speaks for itself',
      sender({ isAnonymous: true, chatId: '-100', chatType: 'group' }),
      null,
    ],
  ])('%s', (_, who, role) => {
    expect(roleOf(who, ALLOWED)).toBe(role);
  });
});

const message = (fields: object = {}) => ({
  update_id: 7,
  message: {
    ...{
      message_id: 1,
      date: 1_795_000_000,
      from: { id: 1, is_bot: false },
      chat: { id: 1, type: 'private' },
    },
    text: '/status',
    ...fields,
  },
});
const inputOf = (raw: unknown, username: string | null = 'sauda_bot') =>
  parseUpdate(raw, username)?.input ?? null;

describe('what was said', () => {
  it.each([
    ['/halt', { name: 'halt', argument: '' }],
    ['/HALT  the   feed\nis wrong ', { name: 'halt', argument: 'the   feed\nis wrong' }],
    ['/halt@Sauda_Bot now', { name: 'halt', argument: 'now' }],
    ['/ack_3f2a1b00', { name: 'ack', argument: '3f2a1b00' }],
  ])('%j is a command', (text, wanted) => {
    expect(inputOf(message({ text }))).toMatchObject({
      kind: 'command',
      ...wanted,
      userId: '1',
      chatId: '1',
    });
  });

  it.each(['1234', ' 1234 ', '/1234', '/1234@sauda_bot'])('%j is a code', (text) => {
    expect(inputOf(message({ text }))).toMatchObject({ kind: 'code', code: '1234' });
  });

  it.each([
    ['words', { text: 'please /halt' }],
    ['a command for another bot', { text: '/halt@other_bot' }],
    ['a forward', { forward_origin: { type: 'user' } }],
    ['an old forward', { forward_date: 1 }],
    ['what another bot wrote', { via_bot: { id: 9, is_bot: true } }],
    ['a picture', { text: undefined }],
    ['five digits', { text: '12345' }],
  ])('%s is not', (_, fields) => {
    expect(inputOf(message(fields))).toBeNull();
  });

  it('an edit, a channel post and an unreadable update are acknowledged and nothing more', () => {
    const { message: said } = message();
    expect(parseUpdate({ update_id: 8, edited_message: said }, null)).toEqual({
      updateId: 8,
      sender: null,
      input: null,
    });
    expect(parseUpdate({ update_id: 9, channel_post: said }, null)).toMatchObject({
      updateId: 9,
      sender: null,
    });
    expect(parseUpdate({ update_id: 10, message: 'x' }, null)).toEqual({
      updateId: 10,
      sender: null,
      input: null,
    });
    expect(parseUpdate({ no: 'update' }, null)).toBeNull();
  });

  it('a press carries who pressed, not who wrote', () => {
    const callback_query = {
      id: 'q',
      from: { id: 2 },
      message: { message_id: 5, chat: { id: -100, type: 'group' } },
      data: 'p:abc',
    };
    expect(parseUpdate({ update_id: 1, callback_query }, null)).toMatchObject({
      sender: { userId: '2', chatId: '-100', chatType: 'group' },
      input: { kind: 'press', data: 'p:abc', pressId: 'q', messageId: 5, saidAt: null },
    });
  });
});

describe('whatever is sent', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 400, size: 'max' });
  /** A lone half of a character or a NUL: Postgres stores neither. */
  const BAD = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
  const expectStorable = (raw: unknown) => {
    const parsed = parseUpdate(raw, 'sauda_bot');
    for (const text of Object.values({ ...parsed?.sender, ...parsed?.input })) {
      if (typeof text === 'string') expect(text).not.toMatch(BAD);
    }
    return parsed;
  };

  it('a command can be stored, however it is cut', () => {
    fc.assert(
      fc.property(anyText, fc.nat(3), (text, shift) => {
        const parsed = expectStorable(
          message({ text: `/halt ${'x'.repeat(shift)}${'🙂'.repeat(200)}${text}` }),
        );
        expect(parsed?.input).toMatchObject({ kind: 'command', name: 'halt' });
        const { input } = expectStorable(message({ text: `/halt ${text}` }))!;
        if (input?.kind === 'command') expect(input.argument.length).toBeLessThanOrEqual(300);
      }),
    );
  });

  it('so can a press, whose data are printable or none', () => {
    fc.assert(
      fc.property(anyText, anyText, (id, data) => {
        const place = { message_id: 5, chat: { id: 1, type: 'private' } };
        const callback_query = { id, from: { id: 1 }, message: place, data };
        const { input } = expectStorable({ update_id: 1, callback_query })!;
        if (input?.kind === 'press') expect(input.data).toMatch(/^[\x20-\x7E]{1,64}$/);
      }),
    );
  });

  it('nothing throws', () => {
    fc.assert(
      fc.property(fc.anything(), fc.integer(), (part, date) => {
        const { message: said } = message();
        expectStorable(part);
        for (const field of Object.keys(said)) {
          expectStorable({ update_id: 1, message: { ...said, [field]: part } });
        }
        expectStorable({ update_id: 1, message: { ...said, date } });
      }),
    );
    expect(parseUpdate(message({ date: Number.MAX_SAFE_INTEGER }), null)?.input).toBeNull();
  });
});
