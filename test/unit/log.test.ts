/** What an error leaves in the log. */
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../server/log.ts';

describe('an error in the log', () => {
  it('says what it is, with its code and cause', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(describeError(new Error('no database', { cause }))).toMatchObject({
      type: 'Error',
      message: 'no database',
      cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    });
  });

  it('holds nothing of the connection that hangs on an error of the driver', () => {
    const client = new pg.Client({ user: 'someone', password: 'hunter2-secret' });
    const error = Object.assign(new Error('terminated'), { client });
    expect(JSON.stringify(describeError(error))).not.toMatch(/hunter2|someone|connectionParameters/);
  });
});
