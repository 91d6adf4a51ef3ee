<?php
// A worker with PHP's gearman extension. Usage: worker.php PORT COUNT; ends after COUNT jobs.

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $argv[1]);
$worker->setId('php-worker');

$worker->addFunction('reverse', fn (GearmanJob $job) => strrev($job->workload()));

$worker->addFunction('describe', fn (GearmanJob $job) => json_encode([
    'handle' => $job->handle(),
    'unique' => $job->unique(),
    'function' => $job->functionName(),
    'size' => $job->workloadSize(),
]));

$worker->addFunction('updates', function (GearmanJob $job) {
    $job->sendData('first');
    $job->sendStatus(1, 2);
    $job->sendWarning('careful');
    $job->sendData('second');
    $job->sendStatus(2, 2);
    return 'done';
});

$worker->addFunction('fail', fn (GearmanJob $job) => $job->sendFail());

$worker->addFunction('exception', fn (GearmanJob $job) => $job->sendException('what went wrong'));

for ($count = 0; $count < (int) $argv[2]; $count++) {
    if (!$worker->work()) {
        fwrite(STDERR, $worker->error() . "\n");
        exit(1);
    }
}
