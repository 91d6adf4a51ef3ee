<?php
// A client with PHP's gearman extension. Usage: client.php PORT WHAT; prints what it saw as JSON.

// A warning that nobody expects ends the script.
set_error_handler(function (int $level, string $text) {
    if (error_reporting() & $level) {
        throw new ErrorException($text);
    }
    return true;
});

function client(): GearmanClient
{
    global $argv;
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', (int) $argv[1]);
    return $client;
}

// Everything that callbacks are told, in order.
$events = [];

function listen(GearmanClient $client): void
{
    $note = function (string $name, callable $details) use ($client) {
        return function (GearmanTask $task) use ($name, $details) {
            global $events;
            $events[] = [$name, $task->unique(), ...$details($task)];
        };
    };
    $client->setCreatedCallback($note('created', fn ($task) => [$task->jobHandle()]));
    $client->setDataCallback($note('data', fn ($task) => [$task->data()]));
    $client->setWarningCallback($note('warning', fn ($task) => [$task->data()]));
    $client->setStatusCallback($note('status', fn ($task) => [
        $task->taskNumerator(), $task->taskDenominator(), $task->isKnown(), $task->isRunning(),
    ]));
    $client->setCompleteCallback($note('complete', fn ($task) => [$task->data()]));
    $client->setFailCallback($note('fail', fn ($task) => []));
    $client->setExceptionCallback($note('exception', fn ($task) => [$task->data()]));
}

$scenarios = [
    'ping' => fn () => client()->ping("any text"),

    'do' => function () {
        $client = client();
        return [$client->doNormal('reverse', 'one'), $client->doHigh('reverse', 'two'),
                $client->doLow('reverse', 'three')];
    },

    'large' => function () {
        $data = str_repeat("\0some bytes\xff", 200000);
        return client()->doNormal('reverse', $data) === strrev($data);
    },

    'describe' => fn () => json_decode(client()->doNormal('describe', 'data', 'my-unique')),

    'queue' => function () {
        $client = client();
        return [$client->doLowBackground('f', 'low', 'l'), $client->doBackground('f', 'normal', 'n'),
                $client->doHighBackground('f', 'high', 'h'), $client->doBackground('f', 'again', 'n')];
    },

    'status' => function () {
        $client = client();
        $handle = $client->doBackground('f', 'data', 'my-unique');
        return [$client->jobStatus($handle), $client->jobStatusByUniqueKey('my-unique'),
                $client->jobStatus('T:999999')];
    },

    'do with updates' => fn () => client()->doNormal('updates', 'data'),

    'do that fails' => function () {
        $client = client();
        @$client->doNormal('fail', 'data');
        return $client->returnCode() === GEARMAN_WORK_FAIL;
    },

    'tasks' => function () {
        global $events;
        $client = client();
        listen($client);
        $client->addTask('reverse', 'one', null, '1');
        $client->addTaskHigh('reverse', 'two', null, '2');
        $client->addTaskLow('reverse', 'three', null, '3');
        $client->addTask('updates', 'data', null, '4');
        $client->addTask('fail', 'data', null, '5');
        $client->addTaskBackground('reverse', 'four', null, '6');
        return [$client->runTasks(), $events];
    },

    'exception' => function () {
        global $events;
        $client = client();
        listen($client);
        $client->enableExceptionHandler();
        $client->addTask('exception', 'data', null, '1');
        @$client->runTasks();
        return $events;
    },
];

echo json_encode($scenarios[$argv[2]](), JSON_THROW_ON_ERROR), "\n";
